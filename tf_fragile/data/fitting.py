"""Bringing a picture to the size a network asks for."""

from __future__ import annotations

from PIL import Image

from tf_fragile.errors import InputError


def fit(
    picture: Image.Image, height: int, width: int, short_side: int | None = None
) -> Image.Image:
    """Resizes and crops a picture the way ImageNet networks are evaluated.

    A picture of the right size is left alone. Any other is resized, keeping its aspect, until
    its short side is `short_side` and it covers the target, with antialiased bicubic
    interpolation, and its centre is cropped.

    Args:
      picture: what to fit.
      height: rows wanted.
      width: columns wanted.
      short_side: in pixels; where `None`, the picture covers 256/227 of the target (the 256-pixel
        short side that goes with 227-pixel crops).

    Returns:
      A picture of `width` x `height` pixels in the same mode.
    """
    if picture.size == (width, height):
        return picture
    rows, columns = (max(side, short_side or round(side * 256 / 227)) for side in (height, width))
    scale = max(rows / picture.height, columns / picture.width)
    size = (
        max(width, round(picture.width * scale)),
        max(height, round(picture.height * scale)),
    )
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return picture.crop((left, top, left + width, top + height))


def check_shape(name: str, found: tuple[int | None, ...], wanted: tuple[int, int, int]) -> None:
    """Raises `InputError` where the images of source `name` are not of the wanted shape."""
    if tuple(found) != tuple(wanted):
        raise InputError(
            f"The images of {name!r} are {_times(found)}, but the network takes "
            f"{_times(wanted)}; choose a network or a data source of the other's size."
        )


def _times(shape: tuple[int | None, ...]) -> str:
    return "x".join(map(str, shape))
