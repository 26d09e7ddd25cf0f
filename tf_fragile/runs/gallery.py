"""The pictures of a run, kept beside its records as plain arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import write_bytes

_PARTS, _IMAGES = "part-*.npz", "image-*.npz"


def gallery_directory(directory: Path | str) -> Path:
    """Where a run keeps its pictures."""
    return Path(directory) / "gallery"


def gallery_path(directory: Path | str, number: int) -> Path:
    """The file of pictures of one shard."""
    return gallery_directory(directory) / f"part-{number:05d}.npz"


def image_path(directory: Path | str, sample: int) -> Path:
    """The file of pictures of one image that was attacked once more for them."""
    return gallery_directory(directory) / f"image-{sample:07d}.npz"


def write_gallery(path: Path | str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Writes named arrays as a compressed npz file in one step; an empty mapping too.

    Raises:
      TypeError: if an array holds Python objects, which only pickling could store.
      InputError: if the file cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"the array {name!r} holds Python objects, not numbers")
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, **named)
    write_bytes(path, buffer.getvalue())


def read_gallery(
    directory: Path | str, wanted: Callable[[str], bool] | None = None
) -> dict[str, NDArray[np.generic]]:
    """Reads the pictures of a run, all parts in the order of their shards, then single images.

    Nothing is unpickled.

    Args:
      directory: the run directory.
      wanted: whether an array is read, by its name; all of them where `None`.

    Raises:
      InputError: if a part is damaged, or two parts hold arrays of one name.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    for path in sorted(gallery_directory(directory).glob(_PARTS)):
        loaded = _read(path, wanted)
        repeated = sorted(arrays.keys() & loaded.keys())
        if repeated:
            raise InputError(f"{path} repeats the array {repeated[0]!r} of an earlier part.")
        arrays |= loaded
    for path in sorted(gallery_directory(directory).glob(_IMAGES)):
        # Of an image kept by its shard, too, as when a lost part was computed again.
        arrays = _read(path, wanted) | arrays
    return arrays


def _read(path: Path, wanted: Callable[[str], bool] | None) -> dict[str, NDArray[np.generic]]:
    try:
        # From memory: on a damaged file `np.load` would leave its handle open.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as part:
            return {name: part[name] for name in part.files if wanted is None or wanted(name)}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; delete it and run the same command again.") from error


def names_of(directory: Path | str) -> set[str]:
    """The names of the arrays in the intact files of a run's gallery; none of them is read."""
    paths = [path for kind in (_PARTS, _IMAGES) for path in gallery_directory(directory).glob(kind)]
    names: set[str] = set()
    for path in paths:
        if has_gallery(path):
            with zipfile.ZipFile(path) as archive:
                names |= {name.removesuffix(".npy") for name in archive.namelist()}
    return names


def has_gallery(path: Path | str) -> bool:
    """Whether the file of one shard is there and intact, checksums included."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False
