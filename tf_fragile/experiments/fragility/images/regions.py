"""The region that a targeted attack draws a map into: a box, a picture, or a superpixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from skimage.segmentation import slic

from tf_fragile.errors import InputError

Mask = npt.NDArray[np.bool_]

SEGMENTS = 25
COMPACTNESS = 10.0
UPPER = 1 / 3


def box(corners: tuple[int, ...], shape: tuple[int, int]) -> Mask:
    """The pixels from (x0, y0) to (x1, y1), the latter not included.

    Args:
      corners: x0, y0, x1, y1 in pixels, x to the right and y down.
      shape: height and width of the image.

    Raises:
      InputError: if these are no box within the image.
    """
    height, width = shape
    if len(corners) != 4 or not (
        0 <= corners[0] < corners[2] <= width and 0 <= corners[1] < corners[3] <= height
    ):
        raise InputError(
            f"The region {','.join(map(str, corners))} is no box in an image of {width} x {height} "
            "pixels; give x0,y0,x1,y1 with x0 < x1 and y0 < y1."
        )
    x0, y0, x1, y1 = corners
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def from_picture(path: str, shape: tuple[int, int]) -> Mask:
    """The bright pixels (128 and more) of a grey picture of the image's size.

    Raises:
      InputError: if it can't be read or has another size.
    """
    try:
        with Image.open(path) as picture:
            grey = np.asarray(picture.convert("L"))
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"The mask {path!r} can't be read ({error}); give a picture.") from error
    if grey.shape != shape:
        raise InputError(
            f"The mask {path!r} has {grey.shape[1]} x {grey.shape[0]} pixels, but the network's "
            f"images have {shape[1]} x {shape[0]}; resize it."
        )
    return grey >= 128


def superpixel(image: npt.NDArray[np.float32], maps: npt.NDArray[np.floating]) -> Mask:
    """A superpixel that plays the part of the paper's cloud: large, high up, and unimportant.

    Of the SLIC superpixels whose centroid lies in the upper third of the image, those are kept
    on which every clean map has less than its share by area; the largest of them is taken. If
    there are none, the one with the least map mass by area.

    Args:
      image: [H, W, 3] pixels 0..255.
      maps: clean maps [M, H, W], one a method, each summing to 1.

    Raises:
      InputError: if no superpixel has its centroid there.
    """
    labels = slic(image / 255, n_segments=SEGMENTS, compactness=COMPACTNESS, start_label=0)
    height = labels.shape[0]
    upper: list[Mask] = [mask for mask in (labels == i for i in np.unique(labels))
             if np.argwhere(mask)[:, 0].mean() < height * UPPER]  # fmt: skip
    if not upper:
        raise InputError("No superpixel lies in the upper third; give --region or --mask.")
    # Mass by area of the method that cares most; 1 is an even spread.
    worst = [max(maps[:, mask].sum(axis=1) / mask.mean()) for mask in upper]
    quiet = [mask for mask, density in zip(upper, worst, strict=True) if density < 1]
    if quiet:
        return max(quiet, key=lambda mask: int(mask.sum()))
    return upper[int(np.argmin(worst))]
