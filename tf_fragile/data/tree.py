"""What lies in a folder: every file that is not hidden, at any depth."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tf_fragile.data.source import Skipped
from tf_fragile.errors import readable

# What systems leave behind in folders, besides names that begin with a dot.
_SYSTEM = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True)
class Tree:
    """A folder's content.

    Attributes:
      root: the folder.
      folders: names of the folders directly in it, sorted, hidden ones left out.
      files: paths of all files below it, relative to it and sorted.
      skipped: what is no file that could be opened, and why.
      hidden: names of the folders that were left out, at any depth, sorted, each once.
    """

    root: Path
    folders: tuple[str, ...]
    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]
    hidden: tuple[str, ...]


def walk(root: Path) -> Tree:
    """Lists a folder; links to folders are followed in `root` only, as Keras does.

    Raises:
      OSError: if `root` itself can't be listed.
    """
    os.listdir(root)
    files: list[Path] = []
    skipped: list[Skipped] = []
    hidden: set[str] = set()
    folders = sorted(p.name for p in root.iterdir() if p.is_dir() and not is_hidden(p.name))
    failed: list[OSError] = []
    starts = [root, *(root / name for name in folders if (root / name).is_symlink())]
    for start in starts:
        for place, inside in _below(start, root, failed, hidden):
            for name in inside:
                reason = _no_file(place / name)
                if reason:
                    skipped.append(Skipped(readable(str(place / name)), reason))
                else:
                    files.append((place / name).relative_to(root))
    skipped += [
        Skipped(readable(str(e.filename)), f"a folder that can't be opened: {e.strerror}")
        for e in failed
    ]
    return Tree(root, tuple(folders), tuple(sorted(files)), tuple(skipped), tuple(sorted(hidden)))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is left out."""
    return name.startswith(".") or name in _SYSTEM


def _below(
    start: Path, root: Path, failed: list[OSError], hidden: set[str]
) -> Iterator[tuple[Path, list[str]]]:
    """Each folder from `start` on with the names of files and of links to folders in it."""
    for place, folders, names in os.walk(start, onerror=failed.append):
        here = Path(place)
        hidden.update(name for name in folders if is_hidden(name))
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        links = [name for name in folders if (here / name).is_symlink() and here != root]
        yield here, sorted(name for name in [*names, *links] if not is_hidden(name))


def _no_file(path: Path) -> str:
    if path.is_dir():
        return "a link to a folder, which is not followed"
    if path.is_symlink() and not path.exists():
        return "a link to a file that is not there"
    return "" if path.is_file() else "no regular file"
