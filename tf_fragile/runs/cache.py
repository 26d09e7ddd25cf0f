"""Where what can be made again is kept between runs: a directory given, or the platform's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tf_fragile.errors import InputError, readable

NAME = "tf_fragile"


def cache_directory(chosen: str | None, otherwise: Path | str) -> Path:
    """The cache of a command; nothing is made there yet.

    Args:
      chosen: by the user, `None` for the platform's.
      otherwise: where the platform has none, or none that can be written, as for a user without a
        home: a place that the command writes to anyway, so that it can be taken up again.

    Raises:
      InputError: what was chosen is no name, is a file, or can't be made.
    """
    if chosen is None:
        own = platform_directory()
        return own if own is not None and _may_be_written(own) else Path(otherwise)
    if not chosen.strip():
        raise InputError("--cache is empty; name a directory, as in --cache=cache.")
    directory = Path(chosen).expanduser()
    # One that is there may be read-only: whoever filled it did it for others to read.
    if not directory.is_dir() and not _may_be_written(directory):
        raise InputError(
            f"--cache={readable(directory)} is no directory and can't be made one; name another."
        )
    return directory


def platform_directory(
    environ: Mapping[str, str] | None = None,
    platform: str = sys.platform,
    home: Callable[[], Path] = Path.home,
) -> Path | None:
    """Where programs of this platform keep what they can make again; `None` without a home.

    `XDG_CACHE_HOME` or `~/.cache`; on Windows `LOCALAPPDATA`, on macOS `~/Library/Caches`.

    Args:
      environ: of the process, that of this one where `None`.
      platform: as `sys.platform`.
      home: gives the user's home, or raises `RuntimeError`.
    """
    said = os.environ if environ is None else environ
    named = {"win32": "LOCALAPPDATA", "darwin": ""}.get(platform, "XDG_CACHE_HOME")
    given = said.get(named, "")
    if given and Path(given).is_absolute():  # another one is to be ignored, says the specification
        return Path(given) / NAME
    try:
        own = home()
    except RuntimeError:
        return None
    inside = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(platform, ".cache")
    return own / inside / NAME


def _may_be_written(directory: Path) -> bool:
    """Whether it is a directory that can be written, or one can be made there."""
    there = directory
    while not os.path.lexists(there) and there.parent != there:
        there = there.parent
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
