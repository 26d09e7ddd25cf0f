"""Which arrays of an `.npz` archive are the images and the labels: as said, or beyond doubt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_fragile.data.npz_members import Member
from tf_fragile.errors import InputError, readable

IMAGES = ("images", "x")
LABELS = ("labels", "y")
MOST = 6
"""So many choices are named in a sentence."""

# What an array of labels is called beside an array of images of that name.
_PARTNERS = (
    ("images", "labels"),
    ("image", "label"),
    ("imgs", "labels"),
    ("img", "label"),
    ("data", "labels"),
    ("data", "target"),
    ("x", "y"),
)
_HINTS = frozenset({"label", "labels", "target", "targets", "y", "class", "classes"})


@dataclass(frozen=True)
class Choice:
    """The arrays to read.

    Attributes:
      images: the name of one.
      labels: of the other; `None` for images without labels.
      left: names of all others.
    """

    images: str
    labels: str | None
    left: tuple[str, ...] = ()


def split(spec: str) -> tuple[str, tuple[str, ...]]:
    """The file in `FILE` or `FILE#images` or `FILE#images,labels`, and the names after the `#`.

    Raises:
      InputError: if there is no name or more than two.
    """
    path, mark, keys = spec.rpartition("#")
    if not mark or Path(spec).is_file():
        return spec, ()
    names = tuple(keys.split(","))
    if len(names) > 2 or not all(names):
        raise InputError(
            f"{f'npz:{spec}'!r} names {len(names) if all(names) else 'no'} arrays after the '#'; "
            f"write {_spec(path, 'IMAGES', 'LABELS')}, or {_spec(path, 'IMAGES')} for images "
            "without labels."
        )
    return path, names


def choose(members: Mapping[str, Member], asked: Sequence[str], path: str) -> Choice:
    """Chooses the arrays that were asked for, or the only ones that can be meant.

    Without being asked, `images` (or `x`) is read with `labels` (or `y`), and without labels only
    where no other array could be them.

    Args:
      members: of `npz_members.members`.
      asked: names of `split`.
      path: the archive.

    Raises:
      InputError: an array is not there, or it takes a person to choose; says what to write.
    """
    if asked:
        for name in asked:
            _check_there(name, members, path)
            _check_plain(name, members, path)
        return Choice(asked[0], asked[1] if len(asked) > 1 else None)
    images = [name for name in IMAGES if name in members]
    if len(images) != 1:
        raise _unclear_images(members, images, path)
    labels = [name for name in LABELS if name in members]
    near = [name for name in _labels_of(images[0], members) if name not in labels]
    if len(labels) > 1:
        raise InputError(
            f"{path!r} has both {_list(labels)}; write {_either(path, images[0], labels)}."
        )
    if not labels and near:
        raise _unclear_labels(images[0], near, path)
    chosen = {images[0], *labels}
    for name in (images[0], *labels):
        _check_plain(name, members, path)
    left = tuple(name for name in members if name not in chosen)
    return Choice(images[0], labels[0] if labels else None, left)


def _check_there(name: str, members: Mapping[str, Member], path: str) -> None:
    if name in members:
        return
    near = difflib.get_close_matches(name, members, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise InputError(
        f"{path!r} has no array {name!r}, but {', '.join(members) or 'none at all'}{hint}"
    )


def _check_plain(name: str, members: Mapping[str, Member], path: str) -> None:
    if members[name].dtype.hasobject:
        raise InputError(
            f"The array {name!r} in {path!r} holds Python objects, which would have to be "
            f"unpickled; store numpy.array({name}.tolist()), and pictures of several sizes as "
            "files in a folder."
        )


def _unclear_images(members: Mapping[str, Member], named: Sequence[str], path: str) -> InputError:
    found = named or [name for name, member in members.items() if _may_be_images(member)]
    if not found:
        shapes = ", ".join(f"{name} {list(member.shape)}" for name, member in members.items())
        return InputError(
            f"{path!r} has the arrays {shapes or '(none)'}; "
            "store the pictures as 'images' (or 'x') of shape [N, H, W, C]."
        )
    options = [option for name in found for option in _options(name, members, path)]
    if len(found) > 1:
        return InputError(
            f"{path!r} has {len(found)} arrays that may be the images ({_list(found)}); "
            f"write {_or(options)}."
        )
    return InputError(
        f"{found[0]!r} is there in {path!r}, 'images' (or 'x') is not; write {_or(options)}."
    )


def _unclear_labels(images: str, near: Sequence[str], path: str) -> InputError:
    verb = "is" if len(near) == 1 else "are"
    return InputError(
        f"{_list(near)} {verb} there in {path!r}, 'labels' (or 'y') is not; "
        f"write {_either(path, images, near)}, or {_spec(path, images)} to leave labels out."
    )


def _options(images: str, members: Mapping[str, Member], path: str) -> list[str]:
    labels = _labels_of(images, members)
    return [_spec(path, images, name) for name in labels] or [_spec(path, images)]


def _labels_of(images: str, members: Mapping[str, Member]) -> list[str]:
    """Arrays that may be the labels of one; the one whose name says so, if there is one."""
    count = members[images].shape[0] if members[images].shape else 0
    fit = [
        name
        for name, member in members.items()
        if name != images and (_may_be_labels(member, count) or name.lower() in _HINTS)
    ]
    partners = {
        images.lower().replace(old, new, 1) for old, new in _PARTNERS if old in images.lower()
    }
    return [name for name in fit if name.lower() in partners - {images.lower()}][:1] or fit


def _may_be_images(member: Member) -> bool:
    return len(member.shape) >= 3 and member.dtype.kind in "buif"


def _may_be_labels(member: Member, count: int) -> bool:
    return len(member.shape) in (1, 2) and member.shape[0] == count and member.dtype.kind in "buif"


def _either(path: str, images: str, labels: Iterable[str]) -> str:
    return _or([_spec(path, images, name) for name in labels])


def _spec(path: str, *names: str) -> str:
    return readable(f"npz:{path}#{','.join(names)}")


def _or(options: Sequence[str]) -> str:
    more = f" (or {len(options) - MOST} more)" if len(options) > MOST else ""
    return " or ".join(options[:MOST]) + more


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
