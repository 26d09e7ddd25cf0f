"""How much one file may take up in memory: a file of a few bytes can claim any size."""

from __future__ import annotations

import math
import os
import zipfile

from tf_fragile.errors import InputError

FILE_LIMIT = 1.2
"""GB (10^9 bytes) that a file may expand to: 100 million pixels, at twelve bytes each."""

_HONEST = 4
"""A file that holds at least a quarter of what it expands to is as large as it looks."""


def too_large(claimed: float, stored: float, limit: float = FILE_LIMIT) -> str:
    """Why what a file expands to is not made room for; empty where it may be.

    Args:
      claimed: bytes that it takes in memory.
      stored: bytes that it takes on disk.
      limit: GB that a file may take in memory where that is more than four times what is on disk.

    Returns:
      A clause, with the setting that allows it.
    """
    if claimed <= max(limit * 1e9, _HONEST * stored):
        return ""
    return (
        f"{size_in_words(stored)} that take {size_in_words(claimed)} in memory, more than the "
        f"{limit:g} GB that a file may; if it is to be trusted, allow it by "
        f"--file_limit={_above(claimed)}"
    )


def check_archive(path: str | os.PathLike[str], limit: float = FILE_LIMIT) -> None:
    """Refuses a zip archive (`.npz`, `.keras`) whose parts expand to more than a file may take.

    Reading a part of an archive never gives more bytes than the archive claims for it.

    Raises:
      InputError: names the part.
      zipfile.BadZipFile: it is no such archive.
    """
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if why := too_large(info.file_size, info.compress_size, limit):
                raise InputError(f"{info.filename!r} in {os.fspath(path)!r} has {why}.")


def size_in_words(count: float) -> str:
    """Bytes with three digits: `"246 bytes"`, `"1.2 GB"`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def _above(claimed: float) -> str:
    """The limit to ask for, in GB: two digits, rounded up."""
    step = 10.0 ** (math.floor(math.log10(claimed / 1e9)) - 1)
    return f"{math.ceil(claimed / 1e9 / step) * step:g}"
