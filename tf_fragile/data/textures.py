"""The ten scene textures of the embedded data: functions of position, in [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Field = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Wave:
    """The free parameters of one texture, drawn alike for every class.

    Attributes:
      side: pixels per side.
      omega: angular frequency in radians per pixel, of a period of 6 to 11 pixels.
      phase: two phases in radians.
      tilt: orientation jitter in radians.
      centre: (x, y) of rings and rays in pixels.
      rays: how many rays.
      noise: `[8, 8]` standard normal values, for blobs.
    """

    side: int
    omega: float
    phase: tuple[float, float]
    tilt: float
    centre: tuple[float, float]
    rays: int
    noise: Field

    def along(self, angle: float) -> Field:
        """The coordinate `x cos a + y sin a` in pixels, for `a` = `angle` plus the tilt."""
        x, y = _grid(self.side)
        turned: Field = x * np.cos(angle + self.tilt) + y * np.sin(angle + self.tilt)
        return turned


def draw_wave(rng: np.random.Generator, side: int) -> Wave:
    """Draws the parameters of a texture; lengths are for 64 pixels and grow with `side`."""
    scale = side / 64
    return Wave(
        side=side,
        omega=2 * np.pi / (rng.uniform(6, 11) * scale),
        phase=(rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)),
        tilt=rng.uniform(-0.12, 0.12),
        centre=(rng.uniform(20, 44) * scale, rng.uniform(20, 44) * scale),
        rays=int(rng.integers(8, 13)),
        noise=rng.standard_normal((8, 8)),
    )


def smooth(noise: Field, side: int) -> Field:
    """Enlarges a small square of noise to `side` pixels by bilinear interpolation."""
    return np.asarray(ndimage.zoom(noise, side / noise.shape[0], order=1))


def _grid(side: int) -> tuple[Field, Field]:
    y, x = np.mgrid[0:side, 0:side].astype(np.float64)
    return x, y


def _stripes(angle: float) -> Callable[[Wave], Field]:
    def texture(wave: Wave) -> Field:
        return np.sin(wave.omega * wave.along(angle) + wave.phase[0])

    return texture


def _checker(wave: Wave) -> Field:
    across = np.sin(0.7 * wave.omega * wave.along(0) + wave.phase[0])
    down = np.sin(0.7 * wave.omega * wave.along(np.pi / 2) + wave.phase[1])
    signs: Field = np.sign(across * down)
    return signs


def _dots(wave: Wave) -> Field:
    across = np.cos(0.8 * wave.omega * wave.along(0) + wave.phase[0])
    down = np.cos(0.8 * wave.omega * wave.along(np.pi / 2) + wave.phase[1])
    return np.where(across + down > 1, 1.0, -1.0)


def _rings(wave: Wave) -> Field:
    x, y = _grid(wave.side)
    radius = np.hypot(x - wave.centre[0], y - wave.centre[1])
    return np.sin(wave.omega * radius + wave.phase[0])


def _rays(wave: Wave) -> Field:
    x, y = _grid(wave.side)
    angle = np.arctan2(y - wave.centre[1], x - wave.centre[0])
    return np.sin(wave.rays * angle + wave.phase[0])


def _blobs(wave: Wave) -> Field:
    return np.clip(1.3 * smooth(wave.noise, wave.side), -1, 1)


def _bricks(wave: Wave) -> Field:
    period, mortar = 2 * np.pi / wave.omega, 2 * wave.side / 64
    height, length = 0.75 * period, 1.5 * period
    down = wave.along(np.pi / 2) + wave.phase[1] / wave.omega
    course = np.floor(down / height)
    across = wave.along(0) + wave.phase[0] / wave.omega + (course % 2) * length / 2
    return np.where((down % height < mortar) | (across % length < mortar), -1.0, 1.0)


TEXTURES: dict[str, Callable[[Wave], Field]] = {
    "blobs": _blobs,
    "bricks": _bricks,
    "checker": _checker,
    "dots": _dots,
    "rays": _rays,
    "rings": _rings,
    "stripes_d": _stripes(np.pi / 4),
    "stripes_e": _stripes(-np.pi / 4),
    "stripes_h": _stripes(np.pi / 2),
    "stripes_v": _stripes(0.0),
}
"""Scene classes in alphabetical order, which is the order of their labels."""
