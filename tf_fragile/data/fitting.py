"""Bringing a picture to the size a network asks for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from tf_fragile.errors import InputError


def fit(picture: Image.Image, height: int, width: int) -> Image.Image:
    """Resizes and crops a picture the way ImageNet networks are evaluated.

    A picture of the right size is left alone. Any other is resized, keeping its aspect, until
    it covers 256/227 of the target (the 256-pixel short side that goes with 227-pixel crops),
    with antialiased bicubic interpolation, and its centre is cropped.

    Args:
      picture: what to fit.
      height: rows wanted.
      width: columns wanted.

    Returns:
      A picture of `width` x `height` pixels in the same mode.
    """
    if picture.size == (width, height):
        return picture
    scale = max(_margin(height) / picture.height, _margin(width) / picture.width)
    size = (
        max(width, round(picture.width * scale)),
        max(height, round(picture.height * scale)),
    )
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return picture.crop((left, top, left + width, top + height))


def to_pixels(picture: Image.Image, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Converts a picture to RGB (or grey, for one channel) and fits it.

    Args:
      picture: an opened picture of any mode.
      shape: `(H, W, C)` wanted, with 1 or 3 channels.

    Returns:
      `[H, W, C]` uint8.

    Raises:
      InputError: if the number of channels is neither 1 nor 3.
    """
    height, width, channels = shape
    if channels not in (1, 3):
        raise InputError(
            f"The network takes {channels} channels, but picture files give 1 or 3; "
            "store the images as arrays and open them with npz:FILE."
        )
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    picture = fit(picture.convert("L" if channels == 1 else "RGB"), height, width)
    return np.asarray(picture, np.uint8).reshape(shape)


def check_shape(name: str, found: tuple[int | None, ...], wanted: tuple[int, int, int]) -> None:
    """Raises `InputError` where the images of source `name` are not of the wanted shape."""
    if tuple(found) != tuple(wanted):
        raise InputError(
            f"The images of {name!r} are {_times(found)}, but the network takes "
            f"{_times(wanted)}; choose a network or a data source of the other's size."
        )


def _margin(side: int) -> int:
    return max(side, round(side * 256 / 227))


def _times(shape: tuple[int | None, ...]) -> str:
    return "x".join(map(str, shape))
