"""From RGB pixel values to a model's input units and back, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError
from tf_fragile.registry import Registry


@dataclass(frozen=True)
class Preprocessing:
    """The invertible map `x = (pixel - mean) / scale`, after putting the channels in order.

    Data that are stored as the model takes them are no pixels: `within` says their range, the map
    is then the identity, and one input unit is one of theirs instead of one grey level.

    Attributes:
      name: what the map is called.
      order: the model's channel order, `"rgb"` or `"bgr"`.
      mean: what is subtracted, in pixel values 0..255 and the model's channel order: one number
        for every channel, or one number each.
      scale: grey levels per model unit, likewise; positive.
      bounds: smallest and largest value of data that are stored as the model takes them; `None` for
        pixel values 0..255.
    """

    name: str
    order: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.order not in ("rgb", "bgr"):
            raise InputError(
                f"Preprocessing {self.name!r} has channel order {self.order!r}; use rgb or bgr."
            )
        if not np.all(np.isfinite(self.mean)) or not all(0 < s < np.inf for s in self.scale):
            raise InputError(
                f"Preprocessing {self.name!r} needs finite means and positive scales, "
                f"but has {self.mean} and {self.scale}."
            )
        if self.bounds is not None:
            self._check_bounds(self.bounds)

    def _check_bounds(self, bounds: tuple[float, float]) -> None:
        InputRange.of(*bounds)
        if (self.order, self.mean, self.scale) != ("rgb", (0.0,), (1.0,)):
            raise InputError(
                f"Preprocessing {self.name!r} changes pixel values, but data within "
                f"{in_words(bounds)} are said to be as the model takes them; use 'raw'."
            )

    def within(self, low: float, high: float) -> Preprocessing:
        """The same for data that are stored as the model takes them, from `low` to `high`.

        Raises:
          InputError: if they are not finite and in this order, or the map is not the identity.
        """
        return replace(self, bounds=(float(low), float(high)))

    @property
    def stored(self) -> tuple[float, float]:
        """Smallest and largest value that the data may hold before this map."""
        return (0.0, 255.0) if self.bounds is None else self.bounds

    @property
    def grey_level(self) -> float:
        """What a 255th of the range of the data is in input units: 1 for pixel values."""
        low, high = self.stored
        return (high - low) / 255

    @property
    def channels(self) -> int | None:
        """How many channels the map asks for; `None` where any number will do."""
        asked = max(len(self.mean), len(self.scale), 3 if self.order == "bgr" else 1)
        return asked if asked > 1 else None

    @property
    def range(self) -> InputRange:
        """The valid range in model units and the size there of one input unit."""
        shape = (1,) if self.channels is None else (self.channels,)
        ends = (self.forward(np.full(shape, value, np.float32)) for value in self.stored)
        low, high = (end[0] if self.channels is None else end for end in ends)
        unit = np.float32(1) / np.broadcast_to(np.asarray(self.scale, np.float32), shape)
        return InputRange.of(low, high, unit[0] if self.channels is None else unit)

    def forward(self, pixels: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Pixel values to model units.

        Args:
          pixels: RGB (or grey) values 0..255, `[..., C]`, any real dtype.

        Returns:
          Model units, same shape, float32.

        Raises:
          InputError: if the number of channels is not the one asked for.
        """
        mean, scale = self._factors()
        return (self._ordered(self._checked(pixels)) - mean) / scale

    def inverse(self, x: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Model units back to RGB (or grey) pixel values, unrounded and unclipped.

        Args:
          x: model units, `[..., C]`.

        Returns:
          Pixel values, 0..255 where `x` is in the valid range, same shape, float32.

        Raises:
          InputError: if the number of channels is not the one asked for.
        """
        mean, scale = self._factors()
        return self._ordered(self._checked(x) * scale + mean)

    def to_picture(self, x: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Model units to what is drawn: 0..255 from one end of the data's range to the other.

        Args:
          x: model units, `[..., C]`.

        Returns:
          Grey levels, neither rounded nor clipped, same shape, float32; `inverse` for pixel values.

        Raises:
          InputError: if the number of channels is not the one asked for.
        """
        values = self.inverse(x)
        if self.bounds is None:
            return values
        low, high = (np.float32(bound) for bound in self.bounds)
        return (values - low) * (255 / (high - low))

    def _factors(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return np.array(self.mean, dtype=np.float32), np.array(self.scale, dtype=np.float32)

    def _ordered(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return x[..., ::-1] if self.order == "bgr" else x

    def _checked(self, values: npt.ArrayLike) -> npt.NDArray[np.float32]:
        x = np.asarray(values, dtype=np.float32)
        found = x.shape[-1] if x.ndim else 0
        if self.channels is not None and found != self.channels:
            fit = [n for n in PREPROCESSINGS if PREPROCESSINGS[n].channels in (None, found)]
            raise InputError(
                f"Preprocessing {self.name!r} is for {self.channels} channels, but the last axis "
                f"of the image has {found}; choose one for {found} channel{'s' * (found != 1)}: "
                f"{', '.join(fit)}."
            )
        return x


def in_words(bounds: tuple[float, float]) -> str:
    """A range as people write it: `-1..1`."""
    return "..".join(f"{bound:.9g}" for bound in bounds)


def swapped(preprocessing: Preprocessing) -> Preprocessing:
    """The same for models whose channels are in the other order: `unit_bgr`, `caffe_rgb`.

    Every colour keeps its own mean and scale.

    Args:
      preprocessing: of one number for all channels, or of three.
    """
    other: Literal["rgb", "bgr"] = "rgb" if preprocessing.order == "bgr" else "bgr"
    name, _, last = preprocessing.name.rpartition("_")
    return Preprocessing(
        name if last == preprocessing.order and name else f"{preprocessing.name}_{other}",
        order=other,
        mean=preprocessing.mean[::-1],
        scale=preprocessing.scale[::-1],
    )


PREPROCESSINGS: Registry[Preprocessing] = Registry("preprocessing")

_IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)

for _preprocessing in (
    Preprocessing("raw"),
    Preprocessing("unit", scale=(255.0,)),
    Preprocessing("centered", mean=(127.5,), scale=(255.0,)),
    Preprocessing("tf", mean=(127.5,), scale=(127.5,)),
    Preprocessing("torch", mean=_IMAGENET_MEAN, scale=_IMAGENET_STD),
    Preprocessing("caffe", order="bgr", mean=(103.939, 116.779, 123.68)),
    Preprocessing("squeezenet_v1.0", order="bgr", mean=(104.0, 117.0, 123.0)),
    Preprocessing("efficientnet_lite", mean=(127.0,), scale=(128.0,)),
    Preprocessing("mobilenet", mean=(128.0,), scale=(128.0,)),
    # Ghorbani et al. (2019) subtract the mean of every pixel; one mean per channel keeps the
    # valid range free of the position, and differs from it by a few grey levels.
    Preprocessing("cifar10_mean", mean=(125.3, 123.0, 113.9)),
):
    PREPROCESSINGS.register(_preprocessing.name, _preprocessing)
    # Pictures read by OpenCV have their channels the other way round.
    PREPROCESSINGS.register(swapped(_preprocessing).name, swapped(_preprocessing))
