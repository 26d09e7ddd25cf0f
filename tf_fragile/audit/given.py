"""What people write on the command line, as settings: paths, radii and sizes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from tf_fragile.errors import InputError

GREY = (0.0, 255.0)
_FRACTION = re.compile(r"\s*([0-9.]+)\s*/\s*([0-9.]+)\s*")
_SIZE = re.compile(r"\s*([1-9][0-9]*)\s*(?:[xX*]\s*([1-9][0-9]*)\s*)?")


def path(text: str | None) -> str | None:
    """A path, or what may be one, with `~` expanded."""
    return None if text is None else os.path.expanduser(text)


def directory(text: str) -> str:
    """The run directory.

    Raises:
      InputError: nothing was given.
    """
    if not text.strip():
        raise InputError("--out is empty; name a directory for the run, as in --out=out/audit.")
    return os.path.expanduser(text)


def radii(texts: Sequence[str], bounds: tuple[float, float] | None = None) -> tuple[float, ...]:
    """Radii in input units.

    Args:
      texts: as they were written.
      bounds: smallest and largest value of data that are no pictures of 0 to 255.

    Raises:
      InputError: one is no number. A fraction is of the range, which no radius is, so it is
        answered with the number to write.
    """
    return tuple(_radius(text, bounds) for text in texts)


def _radius(text: str, bounds: tuple[float, float] | None) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    share = _share(text)
    if share is None:
        raise InputError(f"--epsilon has {text!r}, which is no number; write --epsilon=1,2,4,8.")
    text, (low, high) = text.strip(), bounds or GREY
    number = f"{share * (high - low):g}"
    units, what = "in grey levels", f"{number} grey level{'' if number == '1' else 's'}"
    if bounds is not None:
        units, what = f"in the units of the data, {low:g} to {high:g}", number
    raise InputError(
        f"--epsilon={text}: epsilon is {units}: write {number}; {text} of the range is {what}."
    )


def _share(text: str) -> float | None:
    """The value of a fraction or a percentage; `None` where it is none."""
    found = _FRACTION.fullmatch(text)
    try:
        if found:
            return float(found[1]) / float(found[2])
        return float(text.strip().removesuffix("%")) / 100 if text.strip().endswith("%") else None
    except (ValueError, ZeroDivisionError):
        return None


def image_size(text: str) -> tuple[int, int]:
    """Height and width, `HxW` or one number for both.

    Raises:
      InputError: it is none of these.
    """
    found = _SIZE.fullmatch(text)
    if not found:
        raise InputError(
            f"--image_size={text} is no size; write height x width, as in --image_size=224x224."
        )
    return int(found[1]), int(found[2] or found[1])


def num_images(text: str) -> Any:
    """How many images; `None` for 0, which stands for all. What is no number stays as it is."""
    try:
        return int(text) or None
    except ValueError:
        return text


def bounds(text: str) -> tuple[float, float]:
    """Smallest and largest value of the data.

    Raises:
      InputError: not two numbers.
    """
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--bounds={text} is not two numbers; write --bounds=LOW,HIGH, such as --bounds=-1,1."
        ) from None
    return low, high


def bands(text: str) -> tuple[int, ...]:
    """Channels to draw.

    Raises:
      InputError: one is no whole number.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--bands={text} is not a list of channels; write --bands=I or "
            "--bands=I,J,K, counted from 0."
        ) from None
