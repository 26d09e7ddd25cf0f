"""What arrays an `.npz` archive holds, read from their headers, and one of them at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from tf_fragile.errors import InputError, readable
from tf_fragile.limits import FILE_LIMIT, check_archive

_DAMAGED = (OSError, ValueError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile)
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Member:
    """An array of an archive, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


def members(path: str, file_limit: float = FILE_LIMIT) -> Mapping[str, Member]:
    """The arrays of an archive by name, sorted; none of them is read.

    Raises:
      InputError: if there is no such file, it is no archive of arrays, or expands to more than
        `file_limit` GB, see `limits.too_large`.
    """
    if Path(path).is_dir():
        raise InputError(
            f"{path!r} is a folder, not an .npz archive; write folder:{readable(path)} for images "
            "in it."
        )
    if not Path(path).is_file():
        raise InputError(f"There is no file {path!r}; give the path of an .npz archive.")
    with open(path, "rb") as stream:
        if stream.read(6) == b"\x93NUMPY":
            raise InputError(
                f"{path!r} is a single array (.npy), not an .npz archive; "
                "write one with numpy.savez(FILE, images=..., labels=...)."
            )
    try:
        check_archive(path, file_limit)
        with zipfile.ZipFile(path) as archive:
            found = {
                info.filename.removesuffix(".npy"): _member(archive, info)
                for info in archive.infolist()
                if info.filename.endswith(".npy")
            }
    except InputError:
        raise
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    return dict(sorted(found.items()))


def read(path: str, name: str) -> npt.NDArray[np.generic]:
    """One array of an archive; nothing is unpickled.

    Raises:
      InputError: if it can't be read.
    """
    try:
        # A stream of our own is closed where NumPy gives up on a damaged archive.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return np.asarray(archive[name])
    except MemoryError as error:
        raise InputError(
            f"The array {name!r} in {path!r} does not fit into memory; write fewer images."
        ) from error
    except _DAMAGED as error:
        raise _unreadable(path, error) from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    with archive.open(info) as stream:
        shape, dtype, start = _header(stream)
    # A file of a few bytes may claim an array of any size; NumPy would make room for it first.
    claimed = start + dtype.itemsize * int(np.prod(shape, dtype=object))
    if not dtype.hasobject and claimed > info.file_size:
        raise ValueError(
            f"the array {info.filename!r} claims {claimed} bytes, but there are {info.file_size}"
        )
    return Member(shape, dtype)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic], int]:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"format {version} of an array is not known")
    shape, _, dtype = _HEADERS[version](stream)
    return shape, dtype, stream.tell()


def _unreadable(path: str, error: Exception) -> InputError:
    return InputError(
        f"{path!r} can't be read as an .npz archive of plain arrays ({error}); "
        "write it with numpy.savez."
    )
