"""Files that are either there in full or not there: temporary file, fsync, rename."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tf_fragile.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What the operating system says of a place that takes no more, and of one that takes nothing."""
_SUFFIX = ".partial"


@contextmanager
def replacing(path: Path | str) -> Iterator[BinaryIO]:
    """Opens a file that appears under `path` only once the block has ended without an error.

    The bytes go to a temporary file beside `path`, reach the disk, and take the name in one
    step. Whatever ends the block early, an interrupt included, removes the temporary file and
    leaves what was under `path` before.

    Args:
      path: the file to write or replace; its directory must exist.

    Yields:
      A binary file open for writing.

    Raises:
      InputError: if the disk is full or the directory cannot be written, naming it.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_SUFFIX}")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_directory(path.parent)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path | str, content: bytes) -> None:
    """Writes a whole file in one step; errors as `replacing`."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path | str, content: str) -> None:
    """Writes a whole file of UTF-8 text in one step; errors as `replacing`.

    What is no text, as the surrogates in a file name of unknown encoding, is written escaped.
    """
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


def read_bytes(path: Path | str) -> bytes:
    """Reads a whole file, and of pipes and devices, on which reading waits, nothing.

    Raises:
      OSError: it is not there, no file, or can't be read.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no file", str(path))
    return path.read_bytes()


def make_directory(path: Path | str) -> Path:
    """Makes a directory with its parents and proves that a file can be written there.

    Returns:
      The directory.

    Raises:
      InputError: if it cannot be made or written, or a file has its name.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe.{os.getpid()}{_SUFFIX}"
        probe.touch()
        probe.unlink()
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            f"{path} cannot be a directory because a file is in the way; choose another one."
        ) from error
    except OSError as error:
        raise _explained(error, path / "output") from error
    return path


def remove_leftovers(directory: Path | str) -> None:
    """Removes the temporary files that killed processes left in `directory`.

    Those of another process that is alive are left alone; no process but this one may be writing
    under the number of this one.
    """
    for leftover in Path(directory).glob(f".*{_SUFFIX}"):
        writer = leftover.name.removesuffix(_SUFFIX).rpartition(".")[2]
        alive = writer.isdecimal() and int(writer) != os.getpid() and is_alive(int(writer))
        if not alive and leftover.is_file():
            leftover.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Whether a process of this number is on this machine; true where that can't be asked."""
    if os.name != "posix":  # a signal of number 0 is no question there
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return True


def sync_directory(directory: Path) -> None:
    """Makes sure that what was renamed in a directory is so after a power cut, too."""
    if os.name == "posix":  # Windows cannot open a directory
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _explained(error: OSError, path: Path) -> InputError:
    where = path.parent.absolute()
    if error.errno in FULL:
        return InputError(
            f"No space left in {where} for {path.name}; what is already written there is kept, "
            "so free some space and run the same command again."
        )
    if error.errno in FORBIDDEN:
        return InputError(
            f"{where} is not writable, so {path.name} was not written; make it writable or "
            "choose another directory, what is already written is kept."
        )
    return InputError(
        f"{path.name} could not be written in {where} ({error.strerror or error}); what is "
        "already written is kept, so mend this and run the same command again."
    )
