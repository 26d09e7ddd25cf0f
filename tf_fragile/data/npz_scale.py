"""In what units an array of images is: found from all of its values, or asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_fragile.data.preprocessing import Preprocessing, in_words
from tf_fragile.errors import InputError

_BLOCK = 2**24
"""Values looked at in one go."""

DARK = 32
"""Pictures of 0 to 255 none of whose values is as large are taken for another scale."""

DIM = 128
"""Where no value is as large, it is said."""

_UNIT = 1.1
"""Numbers from 0 to 1 may reach so far, by interpolation or augmentation."""

_OVERSHOOT = 64
"""Interpolation carries pixel values so far beyond 0..255 at most."""

_RARE = 0.01
"""And no larger a share of them."""


@dataclass(frozen=True)
class Values:
    """What all values of an array of images are like.

    Attributes:
      low: the smallest.
      high: the largest.
      whole: whether all are whole numbers.
      beyond: the share of them outside 0..255.
      blank: positions of images that are of one value throughout.
      count: how many images there are.
    """

    low: float
    high: float
    whole: bool
    beyond: float
    blank: tuple[int, ...]
    count: int

    @property
    def said(self) -> str:
        """Their range, for people."""
        return f"run from {self.low:.6g} to {self.high:.6g}"


def survey(images: npt.NDArray[np.generic], where: str) -> Values:
    """Looks at every value.

    Args:
      images: `[N, ...]`, at least one.
      where: the array and the file, a phrase such as `"'images' in 'a.npz'"`.

    Raises:
      InputError: if they are not numbers, or one of them is not finite.
    """
    if images.dtype == np.bool_:
        raise InputError(
            f"The images {where} are true or false; store images * 255, since pixel values from 0 "
            "to 255 are expected."
        )
    if images.dtype.kind not in "uif":
        raise InputError(
            f"The images {where} are of type {images.dtype}; store numbers from 0 to 255."
        )
    size = max(1, _BLOCK // max(1, images[0].size))
    blocks = [images[start : start + size] for start in range(0, len(images), size)]
    _check_finite(blocks, where, len(images))
    rows = [block.reshape(len(block), -1) for block in blocks]
    low = np.concatenate([row.min(axis=1) for row in rows])
    high = np.concatenate([row.max(axis=1) for row in rows])
    inside = low.min() >= 0 and high.max() <= 255
    beyond = 0 if inside else sum(_outside(row) for row in rows)
    whole = images.dtype.kind in "ui" or all(bool((row == np.rint(row)).all()) for row in rows)
    blank = tuple(int(place) for place in np.flatnonzero(low == high))
    count = len(images)
    share = beyond / images.size
    return Values(float(low.min()), float(high.max()), bool(whole), share, blank, count)


def check_scale(
    values: Values, dtype: np.dtype[np.generic], preprocessing: Preprocessing, where: str
) -> tuple[str, ...]:
    """Refuses images in other units than the preprocessing expects.

    Args:
      values: of `survey`.
      dtype: of the array.
      preprocessing: whose `stored` range is asked for.
      where: as in `survey`.

    Returns:
      What is odd about them, one sentence each.

    Raises:
      InputError: if the scale is another or can't be told; says which expression puts it right.
    """
    if preprocessing.bounds is not None:
        _check_bounds(values, preprocessing.bounds, where)
    else:
        if values.low == values.high == 0:
            raise InputError(
                f"The images {where} are all 0: there is nothing in them, and their scale can't be "
                "told; write the archive anew."
            )
        told = _other_scale(values, dtype)
        if told:
            raise InputError(_refusal(values, told, preprocessing, where))
    return (*_dim(values, preprocessing, where), *_blank(values, where))


def _outside(row: npt.NDArray[Any]) -> int:
    """How many values lie outside 0..255."""
    return int(np.count_nonzero((row < 0) | (row > 255)))


@dataclass(frozen=True)
class _Scale:
    """What images are taken for.

    Attributes:
      remedy: what to store instead.
      bounds: the range of such data, where a model may take them as they are.
    """

    remedy: str
    bounds: tuple[float, float] | None = None


def _other_scale(values: Values, dtype: np.dtype[np.generic]) -> _Scale | None:
    low, high = values.low, values.high
    if values.beyond and values.beyond <= _RARE and _near_pixels(low, high):
        return _Scale("numpy.clip(images, 0, 255), which cuts what interpolation added")
    if low < 0:
        return _signed(values)
    if high <= _UNIT:
        return _Scale(
            _times_255("images" if high <= 1 else "numpy.clip(images, 0, 1)", high), (0, 1)
        )
    if high > 255:
        return _deep(high)
    if high < DARK and dtype != np.uint8:
        said = (
            f"images / {high:.6g} * 255 where {high:.6g} is white, or images.astype('uint8') where"
        )
        return _Scale(f"{said} they are pictures of 0 to 255 that are so dark", (0, high))
    return None


def _near_pixels(low: float, high: float) -> bool:
    return low > -_OVERSHOOT and DIM <= high < 255 + _OVERSHOOT


def _signed(values: Values) -> _Scale:
    low, high = values.low, values.high
    if values.whole and low >= -128 and high <= 127 and (low < -1 or high > 1):
        return _Scale("images.astype('int16') + 128", (-128, 127))
    if low >= -0.5 and high <= 0.5:
        return _Scale("(images + 0.5) * 255", (-0.5, 0.5))
    if low >= -_UNIT and high <= _UNIT:
        inside = "images" if low >= -1 and high <= 1 else "numpy.clip(images, -1, 1)"
        return _Scale(f"({inside} + 1) * 127.5", (-1, 1))
    return _Scale("pixel values from 0 to 255, before any preprocessing", (low, high))


def _times_255(images: str, high: float) -> str:
    dark = high * 255 < DARK
    return f"numpy.uint8({images} * 255)" if dark else f"{images} * 255"


def _deep(high: float) -> _Scale:
    """Whole numbers of more than 8 bits, or what was made of them: white is all bits."""
    bits = next((bits for bits in (10, 12, 14, 16, 24, 32) if high < 2**bits), None)
    white = high if bits is None else 2**bits - 1
    said = f"images / {white:.10g} * 255"
    if bits is not None and bits < 16:
        said += f" where {white} is white (65535 in files of 16 bits)"
    return _Scale(said, (0, white))


def _refusal(values: Values, told: _Scale, preprocessing: Preprocessing, where: str) -> str:
    sentence = f"The images {where} {values.said}, but pixel values from 0 to 255 are expected; "
    sentence += f"store {told.remedy}"
    if told.bounds is None:
        return f"{sentence}."
    ends = ",".join(f"{bound:.9g}" for bound in outward(*told.bounds, values))
    alone = "" if preprocessing.name == "raw" else " and no --preprocessing"
    return f"{sentence}; or give --bounds={ends}{alone} if the model takes them as they are."


def outward(low: float, high: float, values: Values) -> tuple[float, float]:
    """The range `low` to `high`, made wider where values lie outside it."""
    return min(low, values.low), max(high, values.high)


def _check_bounds(values: Values, bounds: tuple[float, float], where: str) -> None:
    low, high = (np.float32(bound) for bound in bounds)
    if np.float32(values.low) >= low and np.float32(values.high) <= high:
        return
    ends = ",".join(f"{np.float32(end):.9g}" for end in outward(*bounds, values))
    asked = ",".join(f"{bound:.9g}" for bound in bounds)
    raise InputError(
        f"The images {where} {values.said}, outside of --bounds={asked}; "
        f"store numpy.clip(images, {asked.replace(',', ', ')}), or give --bounds={ends}."
    )


def _dim(values: Values, preprocessing: Preprocessing, where: str) -> tuple[str, ...]:
    low, high = preprocessing.stored
    half = (high - low) * DIM / 256
    word = "dim" if values.high - low < half else "bright" if high - values.low <= half else ""
    if not word:
        return ()
    whole = in_words(preprocessing.stored)
    return (f"The images {where} are {word}: they {values.said} in a range of {whole}.",)


def _blank(values: Values, where: str) -> tuple[str, ...]:
    if not values.blank:
        return ()
    return (
        f"{len(values.blank)} of {values.count} images {where} hold one value throughout, first "
        f"image {values.blank[0]}.",
    )


def _check_finite(blocks: list[npt.NDArray[np.generic]], where: str, count: int) -> None:
    if blocks[0].dtype.kind != "f":
        return
    fine = [np.isfinite(block.reshape(len(block), -1)).all(axis=1) for block in blocks]
    broken = np.flatnonzero(~np.concatenate(fine))
    if broken.size:
        raise InputError(
            f"Image {broken[0]} of {where} contains NaN or infinity "
            f"({broken.size} of {count} images do); remove or repair it."
        )
