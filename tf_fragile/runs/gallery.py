"""The pictures of a run, kept beside its records as plain arrays."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import read_bytes, write_bytes
from tf_fragile.runs.identity import KEY, Origin, Read, check_run, run_of, seal, unseal
from tf_fragile.runs.tasks import Arrays

PARTS, IMAGES = "part-*.npz", "image-*.npz"


def gallery_directory(directory: Path | str, probe: str) -> Path:
    """Where a run keeps the pictures of a probe."""
    return Path(directory) / "gallery" / probe


def gallery_path(directory: Path | str, probe: str, number: int) -> Path:
    """The file of pictures of one task."""
    return gallery_directory(directory, probe) / f"part-{number:05d}.npz"


def image_path(directory: Path | str, probe: str, sample: int) -> Path:
    """The file of pictures of one image that was looked at once more for them."""
    return gallery_directory(directory, probe) / f"image-{sample:07d}.npz"


def write_gallery(path: Path | str, arrays: Arrays, origin: Origin) -> None:
    """Writes named arrays and their origin as a compressed npz file in one step.

    Equal arrays of equal origin are equal bytes; an empty mapping is written, too.

    Raises:
      TypeError: if an array holds Python objects, which only pickling could store.
      InputError: if the file cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"the array {name!r} holds Python objects, not numbers")
    buffer = io.BytesIO()
    sealed = np.frombuffer(seal(origin, _pieces(arrays)), np.uint8)
    named: dict[str, Any] = {KEY: sealed, **arrays}
    np.savez_compressed(buffer, **named)
    write_bytes(path, buffer.getvalue())


def read_pictures(
    path: Path | str, wanted: Callable[[str], bool] | None = None
) -> Read[dict[str, NDArray[np.generic]]] | None:
    """Reads one file of pictures; nothing is unpickled.

    Args:
      path: the file.
      wanted: whether an array is kept, by its name; all of them where `None`.

    Returns:
      Its arrays and what made them; `None` if it is missing, truncated, corrupt or changed.
    """
    try:
        # From memory: on a damaged file `np.load` would leave its handle open.
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as part:
            arrays = {name: part[name] for name in part.files}
    except _DAMAGED:
        return None
    sealed = arrays.pop(KEY, None)
    origin = None if sealed is None else unseal(sealed.tobytes(), _pieces(arrays))
    if sealed is not None and origin is None:
        return None
    return Read({n: a for n, a in arrays.items() if wanted is None or wanted(n)}, origin)


def read_gallery(
    directory: Path | str,
    probe: str,
    run: str | None = None,
    wanted: Callable[[str], bool] | None = None,
) -> dict[str, NDArray[np.generic]]:
    """Reads the pictures of a probe, all parts in the order of their tasks, then single images.

    Args:
      directory: the run directory.
      probe: its name.
      run: the run that they must be of, its `manifest.run_hash`; by the first part where
        `None`.
      wanted: whether an array is read, by its name; all of them where `None`.

    Raises:
      InputError: if a part is damaged or of another run, or two parts hold arrays of one name.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    for path in (*files_of(directory, probe, PARTS), *files_of(directory, probe, IMAGES)):
        part = read_pictures(path, wanted)
        if part is None:
            raise InputError(f"{path} is damaged; delete it and run the same command again.")
        run = run_of(part, run, path)
        repeated = sorted(arrays.keys() & part.content.keys())
        if repeated and path.match(PARTS):
            raise InputError(f"{path} repeats the array {repeated[0]!r} of an earlier part.")
        # Of an image kept by its shard, too, as when a lost part was computed again.
        arrays |= {n: array for n, array in part.content.items() if n not in arrays}
    return arrays


def names_of(directory: Path | str, probe: str, run: str) -> set[str]:
    """The names of the arrays in the intact files of a probe's gallery.

    Raises:
      InputError: if an intact file is of another run.
    """
    names: set[str] = set()
    for path in (*files_of(directory, probe, PARTS), *files_of(directory, probe, IMAGES)):
        part = read_pictures(path)
        check_run(part, run, path)
        names |= set(part.content if part else ())
    return names


def files_of(directory: Path | str, probe: str, kind: str) -> list[Path]:
    """The files of a probe's gallery of one kind, `PARTS` or `IMAGES`, in order."""
    return sorted(gallery_directory(directory, probe).glob(kind))


# Whatever a reader of zip files and arrays raises on bytes that are none.
_DAMAGED = (
    *(OSError, EOFError, ValueError, KeyError, NotImplementedError, SyntaxError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, RuntimeError, TypeError, struct.error),
)


def _pieces(arrays: Arrays) -> Iterator[bytes]:
    for name, array in arrays.items():
        yield f"{name} {array.dtype.str} {array.shape}".encode()
        yield np.ascontiguousarray(array).tobytes()
