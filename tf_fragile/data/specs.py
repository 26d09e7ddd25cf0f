"""What a person writes where a data source is meant."""

from __future__ import annotations

import difflib
import os

from tf_fragile.errors import InputError, readable

KINDS = ("embedded", "folder", "npz", "tfds")
_PATHS = ("folder", "npz")
_SPECS = "folder:DIR, npz:FILE, tfds:NAME/SPLIT or embedded"


def understood(spec: str) -> str:
    """A spec `KIND:WHERE` from what was given, which may be a plain path.

    Args:
      spec: a spec, whose path may begin with `~`, or the path of a folder of images or of an
        `.npz` archive.

    Returns:
      The spec, with its kind, `~` expanded. One whose kind is unknown is left to `open_source`.

    Raises:
      InputError: it is meant as a path, and there is nothing there that could be opened.
    """
    kind, colon, where = spec.partition(":")
    if colon and kind in KINDS:
        return f"{kind}:{os.path.expanduser(where)}" if kind in _PATHS else spec
    if spec in KINDS or kind.startswith("embedded/"):
        return spec
    path = os.path.expanduser(spec)
    file = path if os.path.exists(path) else path.partition("#")[0]  # arrays of an archive
    if os.path.isdir(path):
        return f"folder:{path}"
    if os.path.isfile(file):
        if file.lower().endswith(".npz"):
            return f"npz:{path}"
        raise InputError(
            f"--data={readable(spec)} is a file, but no .npz archive and no folder of images; "
            f"write {_SPECS}."
        )
    if colon or difflib.get_close_matches(spec.partition("/")[0], KINDS):
        return spec
    raise InputError(f"--data={readable(spec)}: there is no such folder or file; write {_SPECS}.")
