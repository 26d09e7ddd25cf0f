"""Images and labels from a NumPy archive."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tf_fragile.data.fitting import check_shape
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError


def open_npz(
    path: str, *, preprocessing: Preprocessing, image_shape: tuple[int, int, int]
) -> Source:
    """Opens an archive with `images` (or `x`), 0..255, and perhaps `labels` (or `y`).

    Args:
      path: the archive; nothing in it is unpickled.
      preprocessing: how pixels become model units.
      image_shape: `(H, W, C)` the network takes.

    Returns:
      The source; labels are -1 where the archive has none.

    Raises:
      InputError: if the file, an array, or a value in it can't be used.
    """
    name = f"npz:{path}"
    arrays = _read(path)
    images = _first(arrays, "images", "x")
    if images is None:
        raise InputError(
            f"{path!r} has the arrays {', '.join(sorted(arrays)) or '(none)'}; "
            "store the pictures as 'images' (or 'x') of shape [N, H, W, C]."
        )
    if images.ndim == 3 and image_shape[2] == 1:
        images = images[..., None]
    if images.ndim != 4 or not len(images):
        raise InputError(
            f"The images in {path!r} have shape {list(images.shape)}; "
            "store at least one, as [N, H, W, C]."
        )
    check_shape(name, images.shape[1:], image_shape)
    _check_values(images, path)
    labels = _labels(_first(arrays, "labels", "y"), len(images), path)

    def read(position: int) -> Sample:
        return Sample(images[position], int(labels[position]))

    def digest() -> str:
        sha = hashlib.sha256(f"{images.dtype.str}{images.shape}".encode())
        sha.update(np.ascontiguousarray(images).tobytes())
        sha.update(labels.tobytes())
        return sha.hexdigest()

    return Source(
        name=name,
        class_names=None,
        image_shape=image_shape,
        preprocessing=preprocessing,
        read=read,
        digest=digest,
        size=len(images),
    )


def _read(path: str) -> dict[str, npt.NDArray[np.generic]]:
    if not Path(path).is_file():
        raise InputError(f"There is no file {path!r}; give the path of an .npz archive.")
    try:
        # A stream of our own is closed where NumPy gives up on a damaged archive.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path!r} can't be read as an .npz archive of plain arrays ({error}); "
            "write it with numpy.savez."
        ) from error


def _first(
    arrays: dict[str, npt.NDArray[np.generic]], *names: str
) -> npt.NDArray[np.generic] | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _check_values(images: npt.NDArray[np.generic], path: str) -> None:
    if images.dtype.kind not in "uif":
        raise InputError(
            f"The images in {path!r} are of type {images.dtype}; store numbers from 0 to 255."
        )
    if images.dtype == np.uint8:
        return
    values = images.reshape(len(images), -1)
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if broken.size:
        raise InputError(
            f"Image {broken[0]} in {path!r} contains NaN or infinity "
            f"({broken.size} of {len(images)} images do); remove or repair it."
        )
    low, high = values.min(), values.max()
    if low < 0 or high > 255:
        raise InputError(
            f"The images in {path!r} run from {low:g} to {high:g}; "
            "store RGB pixel values from 0 to 255, before any preprocessing."
        )
    if images.dtype.kind == "f" and 0 < high <= 1:
        raise InputError(
            f"The images in {path!r} run from {low:g} to {high:g}; "
            "multiply them by 255, since pixel values from 0 to 255 are expected."
        )


def _labels(labels: npt.NDArray[np.generic] | None, count: int, path: str) -> npt.NDArray[np.int64]:
    if labels is None:
        return np.full(count, -1, np.int64)
    if labels.shape not in ((count,), (count, 1)) or labels.dtype.kind not in "ui":
        raise InputError(
            f"The labels in {path!r} have shape {list(labels.shape)} and type {labels.dtype}; "
            f"store {count} whole numbers, one for each image."
        )
    return labels.reshape(-1).astype(np.int64)
