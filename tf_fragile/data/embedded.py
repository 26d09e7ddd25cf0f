"""Procedural pictures with known truth: an object pasted into a textured scene.

The recipe follows Yang & Kim, "Benchmarking Attribution Methods with Relative Feature
Importance" (2019): objects and scenes are independent, the mask of the object is exact, and
the same scene without the object is at hand.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tf_fragile.data.silhouettes import SILHOUETTES, silhouette
from tf_fragile.data.textures import TEXTURES, Field, draw_wave, smooth
from tf_fragile.errors import InputError

OBJECTS = tuple(SILHOUETTES)
SCENES = tuple(TEXTURES)
SIDE = 64
GENERATOR_VERSION = 1
"""Raised whenever the same settings would give another picture."""


@dataclass(frozen=True)
class Difficulty:
    """How hard the scenes are to tell apart.

    Attributes:
      low: smallest weight of the scene's own texture in its mix with another one.
      high: largest weight; 1 and 1 give pure textures, 0.5 an even mix.
    """

    low: float = 0.52
    high: float = 0.85

    def __post_init__(self) -> None:
        if not 0.5 <= self.low <= self.high <= 1:
            raise InputError(
                f"The difficulty mixes textures with weights {self.low} to {self.high}; "
                "give 0.5 <= low <= high <= 1."
            )


@dataclass(frozen=True, eq=False)
class Composite:
    """One picture and its truth.

    Attributes:
      image: RGB pixel values, whole numbers 0..255, `[64, 64, 3]` float32.
      scene_image: the same scene without the object; equal to `image` outside `mask`.
      mask: `[64, 64]` booleans, true on the object.
      object: label of the object, an index of `OBJECTS`.
      scene: label of the scene, an index of `SCENES`.
    """

    image: npt.NDArray[np.float32]
    scene_image: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    object: int
    scene: int


def composite(
    seed: int, object: int, scene: int, index: int, difficulty: Difficulty | None = None
) -> Composite:
    """Draws a picture: a pure function of its arguments.

    Args:
      seed: which data set; not negative.
      object: label of the object, 0..9.
      scene: label of the scene, 0..9.
      index: which picture of that pair; not negative.
      difficulty: how hard the scenes are to tell apart.

    Returns:
      The picture with its scene, mask and labels. Every picture has a scene of its own.

    Raises:
      InputError: if a label names no class or a number is negative.
    """
    if not (0 <= object < len(OBJECTS) and 0 <= scene < len(SCENES)):
        raise InputError(
            f"The embedded data has objects 0..{len(OBJECTS) - 1} and scenes "
            f"0..{len(SCENES) - 1}, not object {object} with scene {scene}."
        )
    if seed < 0 or index < 0:
        raise InputError(f"Seed and index must not be negative, but are {seed} and {index}.")
    # Two streams, so that no change to the objects can change a scene.
    scene_rng, object_rng = (
        np.random.default_rng([seed, object, scene, index, stream]) for stream in (0, 1)
    )
    background = draw_scene(scene_rng, scene, difficulty or Difficulty())
    fill, mask = draw_object(object_rng, object)
    return Composite(
        image=_quantised(np.where(mask[..., None], fill, background)),
        scene_image=_quantised(background),
        mask=mask,
        object=object,
        scene=scene,
    )


def draw_scene(rng: np.random.Generator, scene: int, difficulty: Difficulty) -> Field:
    """A scene: two colours blended by a mix of its own texture and another class's.

    Returns:
      `[64, 64, 3]`, not clipped, nominally 0..1.
    """
    other = (scene + int(rng.integers(1, len(SCENES)))) % len(SCENES)
    own_texture, other_texture = (
        TEXTURES[SCENES[label]](draw_wave(rng, SIDE)) for label in (scene, other)
    )
    weight = rng.uniform(difficulty.low, difficulty.high)
    texture = weight * own_texture + (1 - weight) * other_texture
    contrast = rng.uniform(0.5, 1)
    uneven = 0.12 * smooth(rng.standard_normal((5, 5)), SIDE)
    blend = np.clip((contrast * texture + 1) / 2 + uneven, 0, 1)[..., None]
    hue = rng.uniform()
    dark = _rgb(hue, rng.uniform(0.1, 0.5), rng.uniform(0.25, 0.5))
    near_hue = hue + rng.uniform(-0.15, 0.15)
    light = _rgb(near_hue, rng.uniform(0.1, 0.5), rng.uniform(0.5, 0.8))
    return dark * (1 - blend) + light * blend + rng.normal(0, 0.05, (SIDE, SIDE, 3))


def draw_object(rng: np.random.Generator, object: int) -> tuple[Field, npt.NDArray[np.bool_]]:
    """An object of one shaded colour at a random place, size and angle.

    Returns:
      The fill `[64, 64, 3]`, nominally 0..1, and the mask `[64, 64]` of where it is opaque.
    """
    side = int(rng.integers(36, 45))
    outline = silhouette(OBJECTS[object], side, rng.uniform(-0.25, 0.25))
    colour = _rgb(rng.uniform(), rng.uniform(0.6, 1), rng.uniform(0.7, 1))
    light = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-1, 1, side)
    # Along a diagonal the two axes add up to sqrt 2; divided by it, the shading ends at 18 %.
    slope = (axis[None, :] * np.cos(light) + axis[:, None] * np.sin(light)) / np.sqrt(2)
    patch = colour * (1 + 0.18 * slope[..., None]) + rng.normal(0, 0.03, (side, side, 3))
    top, left = (int(v) for v in rng.integers(0, SIDE - side + 1, size=2))
    place = np.s_[top : top + side, left : left + side]
    fill, mask = np.zeros((SIDE, SIDE, 3)), np.zeros((SIDE, SIDE), np.bool_)
    fill[place], mask[place] = patch, outline
    return fill, mask


def _rgb(hue: float, saturation: float, value: float) -> Field:
    return np.asarray(colorsys.hsv_to_rgb(hue % 1.0, saturation, value))


def _quantised(image: Field) -> npt.NDArray[np.float32]:
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.float32)
