"""What a model file claims to hold, looked at before room is made for it."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.limits import FILE_LIMIT, check_archive, too_large

_WEIGHTS = ".h5"


def check_stored(path: str | os.PathLike[str], limit: float = FILE_LIMIT) -> None:
    """Refuses a file (`.keras`, `.h5`, or an unzipped `.keras`) whose arrays expand to too much.

    Args:
      path: the file or directory.
      limit: see `limits.too_large`.

    Raises:
      InputError: names the part.
      Exception: whatever zipfile and h5py raise on damaged files.
    """
    text = os.fspath(path)
    if Path(path).is_dir():
        for inside in sorted(Path(path).rglob(f"*{_WEIGHTS}")):
            _check_arrays(inside, str(inside), limit)
    elif zipfile.is_zipfile(path):
        check_archive(path, limit)
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(_WEIGHTS):
                    with archive.open(info) as part:
                        content = part if part.seekable() else io.BytesIO(part.read())
                        _check_arrays(content, text, limit)
    else:
        _check_arrays(path, text, limit)


@contextmanager
def counted_variables(path: str | os.PathLike[str], limit: float = FILE_LIMIT) -> Iterator[None]:
    """Refuses, while a model is built, variables that together expand a file to too much.

    Keras makes a layer's variables from its configuration before it reads their values, so a
    configuration of one line can ask for any amount.

    Raises:
      InputError: with the number of values asked for, before the variable is made.
    """
    stored, asked = _size(Path(path)), 0

    def counting(make: Callable[..., tf.Variable], **settings: Any) -> tf.Variable:
        nonlocal asked
        asked += _bytes(settings.get("initial_value"))
        if why := too_large(asked, stored, limit):
            raise InputError(
                f"The model file {os.fspath(path)!r} has {why}; or its layers are described "
                "larger than they are."
            )
        return make(**settings)

    with tf.variable_creator_scope(counting):
        yield


def _bytes(initial: Any) -> int:
    """What a variable takes; 0 where that shows only once it is made."""
    if not callable(initial):
        return 0  # its value exists already
    try:
        with tf.Graph().as_default():  # tells the shape and computes nothing
            value = initial()
        return int(value.shape.num_elements()) * int(value.dtype.size)
    except Exception:  # initializers of others do what they like
        return 0


def _check_arrays(file: str | os.PathLike[str] | BinaryIO | Any, name: str, limit: float) -> None:
    with h5py.File(file) as content:

        def check(inside: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                claimed = int(item.size or 0) * item.dtype.itemsize
                if why := too_large(claimed, item.id.get_storage_size(), limit):
                    raise InputError(f"The array {inside!r} in {name!r} has {why}.")

        content.visititems(check)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
    return path.stat().st_size
