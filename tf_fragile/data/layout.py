"""Which folders are classes, if any."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_fragile.data.classes import listed
from tf_fragile.data.tree import Tree
from tf_fragile.errors import InputError, readable

EXTENSIONS = frozenset(
    {
        *(".avif", ".bmp", ".dib", ".gif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg"),
        *(".jpg", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".tga", ".tif", ".tiff"),
        ".webp",
    }
)
"""What names of picture files end with. It tells folders of pictures from others before any file
is opened; files of any name are opened."""

_NOTES = frozenset(
    {
        *(".csv", ".h5", ".html", ".json", ".mat", ".md", ".npy", ".npz", ".parquet", ".pdf"),
        *(".pkl", ".tsv", ".txt", ".xml", ".yaml", ".yml"),
    }
)
_SPLITS = frozenset(
    {
        *("train", "training", "val", "valid", "validation", "dev", "eval", "evaluation"),
        *("test", "testing", "holdout", "pred", "predict", "prediction"),
    }
)
_PREFERRED = ("val", "valid", "validation", "test", "testing", "dev", "eval", "evaluation")


@dataclass(frozen=True)
class Layout:
    """How a folder is to be understood.

    Attributes:
      folders: names of the class folders, sorted; `None` where there are no labels.
      notes: sentences for people.
    """

    folders: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


def lay_out(tree: Tree, known: Callable[[str], bool], outputs: int | None = None) -> Layout:
    """Tells class folders from a folder of pictures and from a folder of data sets.

    Args:
      tree: the folder.
      known: whether a name is a class for certain.
      outputs: how many outputs the model has.

    Raises:
      InputError: if the class folders lie one level deeper.
    """
    if not tree.folders:
        return Layout(None)
    if all(map(known, tree.folders)):
        return Layout(tree.folders)
    inside = _by_folder(_pictures(tree))
    loose, full = inside.pop("", []), tuple(sorted(inside))
    deeper = {name: _deepest(name, inside[name]) for name in full}
    parents = {name: found for name, found in deeper.items() if len(found.folders) > 1}
    aside = _aside(tree, full)
    _refuse_sets(tree, full, parents, alone=bool(aside) or len(tree.folders) != outputs)
    if not full and loose:
        return Layout(None, (f"No picture is in the {_named(tree.folders)}: no labels.",))
    if len(tree.folders) == 1 or (len(full) == 1 and aside):
        name = readable((full or tree.folders)[0])
        beside = f" and {len(loose)} pictures beside it" if loose else ""
        return Layout(
            None,
            (f"The one folder of pictures {name!r}{beside} is not taken for a class: no labels.",),
        )
    return Layout(tree.folders)


@dataclass(frozen=True)
class _Deeper:
    """The first folder below one that has several folders of pictures, and these."""

    place: str
    folders: frozenset[str]


def _deepest(name: str, pictures: Sequence[Path]) -> _Deeper:
    place: tuple[str, ...] = (name,)
    while True:
        depth = len(place)
        folders = frozenset(p.parts[depth] for p in pictures if len(p.parts) > depth + 1)
        if len(folders) != 1 or any(len(p.parts) == depth + 1 for p in pictures):
            return _Deeper("/".join(place), folders)
        place = (*place, *folders)


def _refuse_sets(
    tree: Tree, full: Sequence[str], parents: Mapping[str, _Deeper], *, alone: bool
) -> None:
    """Raises `InputError` where the folders are data sets of their own.

    `alone` says that other folders than the one with pictures are no classes.
    """
    exact = len(full) > 1 and all(_word(name) in _SPLITS for name in full)
    split = len(full) > 1 and all(_words(name) & _SPLITS for name in full) and bool(parents)
    found = [p.folders for p in parents.values()]
    common = frozenset.intersection(*found) if len(found) > 1 else frozenset()
    if not (exact or split or len(common) > 1 or (alone and len(full) == 1 and parents)):
        return
    chosen = _choice(tuple(parents) or tuple(full))
    place = parents[chosen].place if chosen in parents else chosen
    if parents:
        inner = parents[chosen].folders
        what = f"{len(inner)} folders ({_listed(sorted(inner))}) lie in {place!r}"
    else:
        what = f"{_listed(full)} are parts of a data set"
    raise InputError(
        f"The folders in {str(tree.root)!r} ({_listed(tree.folders)}) look like data sets, not "
        f"like classes: {what}; give folder:{readable(tree.root / place)}, or, if they are "
        "classes, name these with --classes=FILE, one a line."
    )


def _choice(names: Sequence[str]) -> str:
    """The one to audit on: validation before test before the first."""
    for word in _PREFERRED:
        for name in names:
            if word in {_word(name), *_words(name)}:
                return name
    return names[0]


def _word(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", name.lower()))


def _by_folder(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Paths by the folder of the root that they are in; those in none under the empty name."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(path.parts[0] if len(path.parts) > 1 else "", []).append(path)
    return found


def _aside(tree: Tree, full: Sequence[str]) -> frozenset[str]:
    """Folders that have notes on pictures in them, and nothing else."""
    kinds: dict[str, set[str]] = {}
    for path in tree.files:
        if len(path.parts) > 1 and path.parts[0] not in full:
            kinds.setdefault(path.parts[0], set()).add(path.suffix.lower())
    return frozenset(name for name, found in kinds.items() if found <= _NOTES)


def _pictures(tree: Tree) -> list[Path]:
    """Files that are pictures by their names, or all where none is."""
    named = [path for path in tree.files if path.suffix.lower() in EXTENSIONS]
    return named or list(tree.files)


def _named(folders: Sequence[str]) -> str:
    names = _listed(folders)
    return f"folder{'s' * (len(folders) > 1)} beside them ({names})"


def _listed(folders: Sequence[str]) -> str:
    return listed([readable(name) for name in folders])
