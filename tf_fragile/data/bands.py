"""Which channels of an input are drawn: any number of them ends as grey or as RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tf_fragile.errors import InputError


def check_bands(bands: tuple[int, ...] | None, channels: int) -> None:
    """Refuses bands that can't be drawn.

    Args:
      bands: channels, counted from 0, drawn as red, green and blue, or one drawn as grey; the
        picture itself, or the mean of all channels, where `None`.
      channels: how many there are.

    Raises:
      InputError: if they are neither one nor three, or one of them is not there.
    """
    if bands is None:
        return
    said = ",".join(map(str, bands))
    if len(bands) not in (1, 3):
        raise InputError(
            f"--bands={said} names {len(bands)} channels; give one (drawn as grey) or three (as "
            "red, green and blue)."
        )
    outside = [band for band in bands if not 0 <= band < channels]
    if outside:
        raise InputError(
            f"--bands={said} names channel {outside[0]}, but the network takes {channels}; "
            f"give numbers from 0 to {channels - 1}."
        )


def drawn(picture: NDArray[np.float32], bands: tuple[int, ...] | None) -> NDArray[np.float32]:
    """What is shown of a picture `[..., H, W, C]`: `[..., H, W, 3]` or `[..., H, W, 1]`."""
    if bands is not None:
        chosen: NDArray[np.float32] = picture[..., list(bands)]
        return chosen
    if picture.shape[-1] in (1, 3):
        return picture
    mean: NDArray[np.float32] = picture.mean(axis=-1, keepdims=True)
    return mean


def is_picture(shape: object) -> bool:
    """Whether samples of this shape, without the batch, are pictures [H, W, C]."""
    return isinstance(shape, tuple) and len(shape) == 3


def in_words(bands: tuple[int, ...] | None, shape: Any) -> str:
    """What pictures of a shape show, a clause; empty where they show all there is, or are none."""
    if not is_picture(shape):
        return ""
    channels = shape[2]
    if bands is not None:
        several = "bands" if len(bands) > 1 else "band"
        return f"pictures show {several} {', '.join(map(str, bands))} of {channels}"
    if channels in (1, 3):
        return ""
    return f"pictures show the mean of {channels} channels"
