"""The pictures of a run, kept beside its records as plain arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import write_bytes


def gallery_directory(directory: Path | str) -> Path:
    """Where a run keeps its pictures."""
    return Path(directory) / "gallery"


def gallery_path(directory: Path | str, number: int) -> Path:
    """The file of pictures of one shard."""
    return gallery_directory(directory) / f"part-{number:05d}.npz"


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


def read_gallery(directory: Path | str) -> dict[str, NDArray[np.generic]]:
    """Reads the pictures of a run, all parts in the order of their shards.

    Nothing is unpickled.

    Raises:
      InputError: if a part is damaged, or two parts hold arrays of one name.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    for path in sorted(gallery_directory(directory).glob("part-*.npz")):
        try:
            # From memory: on a damaged file `np.load` would leave its handle open.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as part:
                loaded = {name: part[name] for name in part.files}
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path} is damaged; delete it and run the same command again."
            ) from error
        repeated = sorted(arrays.keys() & loaded.keys())
        if repeated:
            raise InputError(f"{path} repeats the array {repeated[0]!r} of an earlier part.")
        arrays |= loaded
    return arrays


def has_gallery(path: Path | str) -> bool:
    """Whether the file of one shard is there and intact, checksums included."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False
