"""Axes of an array of images: `[N, H, W, C]`, or a sentence that says how to get there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tf_fragile.errors import InputError


def arranged(
    images: npt.NDArray[np.generic], shape: tuple[int, int, int], name: str, path: str
) -> npt.NDArray[np.generic]:
    """The images as `[N, H', W', C]`; grey ones may be stored without their axis of channels.

    Args:
      images: the array `name` of the archive `path`.
      shape: `(H, W, C)` of the network; H' and W' may be others, C not.
      name: of the array.
      path: of the archive.

    Raises:
      InputError: if the axes are others; says which expression puts them right.
    """
    found, channels = images.shape, shape[2]
    remedy = _remedy(found, shape, name)
    if remedy:
        raise InputError(
            f"The images {name!r} in {path!r} are of shape {list(found)}, {remedy[0]}, but the "
            f"network takes [N, {', '.join(map(str, shape))}]; store {remedy[1]}."
        )
    if images.ndim == 3 and channels == 1:
        images = images[..., None]
    if images.ndim != 4 or not images.size or images.shape[3] != channels:
        raise InputError(
            f"The images {name!r} in {path!r} have shape {list(found)}; "
            f"store at least one, as [N, H, W, C] with C = {channels}."
        )
    return images


def _remedy(
    found: tuple[int, ...], shape: tuple[int, int, int], name: str
) -> tuple[str, str] | None:
    """What axes are taken for, and the expression that puts them right; `None` if they are."""
    height, width, channels = shape
    if 0 in found:
        return None
    if len(found) == 2 and found[1] == height * width * channels:
        return "a row for each image", f"{name}.reshape(-1, {height}, {width}, {channels})"
    if len(found) == 3:
        return _remedy_for_three(found, channels, name)
    if len(found) != 4 or found[3] == channels:
        return None
    if found[1] == channels:
        return "with channels first", f"{name}.transpose(0, 2, 3, 1)"
    if found[:3] == shape:
        return "with the images last", f"{name}.transpose(3, 0, 1, 2)"
    if (found[3], channels) == (1, 3):
        return "grey", f"numpy.repeat({name}, 3, axis=3)"
    if (found[3], channels) == (3, 1):
        return "in colour", f"{name} @ [0.299, 0.587, 0.114]"
    if found[3] == channels + 1 and channels in (1, 3):
        return f"with {found[3]} channels, the last perhaps opacity", f"{name}[..., :{channels}]"
    return None


def _remedy_for_three(found: tuple[int, ...], channels: int, name: str) -> tuple[str, str] | None:
    if found[2] == channels:
        return "one image without an axis of images", f"{name}[None]"
    if channels == 1 and found[2] > 4:
        return None
    if channels == 3 and found[2] > 4:
        return "grey without an axis of channels", f"numpy.repeat({name}[..., None], 3, axis=3)"
    return None
