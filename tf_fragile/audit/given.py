"""What people write on the command line, as settings: paths and sizes."""

from __future__ import annotations

import os
import re
from typing import Any

from tf_fragile.errors import InputError

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
