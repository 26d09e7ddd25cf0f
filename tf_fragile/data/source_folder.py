"""Images from a folder of class folders, or from a folder of pictures."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from tf_fragile.data import decoding, findings, geometry
from tf_fragile.data.class_index import imagenet
from tf_fragile.data.classes import Classes, listed
from tf_fragile.data.findings import Found
from tf_fragile.data.labelling import Labelling, Named, assign, called, unlabelled
from tf_fragile.data.layout import EXTENSIONS, lay_out
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Read, Sample, Skipped, Source
from tf_fragile.data.tree import Tree, walk
from tf_fragile.errors import InputError, readable
from tf_fragile.limits import FILE_LIMIT

QUIET_UP_TO = 500
"""Folders with more files than this are checked behind a progress bar."""


def open_folder(
    directory: str,
    *,
    preprocessing: Preprocessing,
    image_shape: tuple[int, int, int],
    reading: Reading | None = None,
    outputs: int | None = None,
    classes: Classes | None = None,
    file_limit: float = FILE_LIMIT,
) -> Source:
    """Opens every readable picture of a folder, in the order of their paths.

    Folders inside `directory` are classes, as `keras.utils.image_dataset_from_directory` counts
    them: empty ones, too, and folders in them belong to them. `labelling.assign` gives them their
    outputs. A folder without folders, or with one that is no known class, has no labels. Hidden
    files and folders are left out at any depth; every other file is read or skipped with a reason.
    Every file is decoded once when the folder is opened, so that a position never turns out to be
    unreadable later, and its content is hashed then.

    Args:
      directory: the folder.
      preprocessing: how pixels become model units.
      image_shape: `(H, W, C)` the network takes.
      reading: how pictures are brought to it; as Keras' loader does where `None`.
      outputs: how many classes the model tells apart.
      classes: what they are called.
      file_limit: GB that a picture may take in memory, see `limits.too_large`.

    Returns:
      The source; `skipped` lists the files that can't be used.

    Raises:
      InputError: if there is no such folder or no readable picture in it, if it holds several data
        sets, or if its classes are not the model's.
    """
    root, reading = Path(directory), reading or Reading()
    channels = image_shape[2]
    decoding.check_channels(channels)
    tree = _walked(root, directory)
    layout = lay_out(tree, lambda name: _is_known(name, outputs, classes), outputs)
    labelling = _labelling(layout.folders, directory, outputs, classes)
    label_of = dict(zip(layout.folders or (), labelling.outputs, strict=True))
    checked = findings.judged(_look_at_all(tree, channels, file_limit))
    skipped = [*_unused(checked, label_of, root), *tree.skipped]
    used = [f for f in checked if not f.look.problem and _is_inside(f.path, label_of)]
    if not used:
        raise InputError(_nothing(directory, tree, [s.reason for s in skipped]))
    paths = [root / f.path for f in used]
    labels = [label_of.get(f.path.parts[0], -1) for f in used]

    def reader(reading: Reading, image_shape: tuple[int, int, int]) -> Read:
        turns = [_turn(f, reading) for f in used]
        resize = geometry.resizer(reading, image_shape)
        keras = reading.resize != "imagenet"

        def read(position: int) -> Sample:
            path = paths[position]
            pixels = decoding.decode(_content(path), channels, keras=keras, ending=path.suffix)
            return Sample(resize(decoding.turned(pixels, turns[position])), labels[position])

        return read

    def digest() -> str:
        sha = hashlib.sha256()
        for file in used:
            sha.update(os.fsencode(file.path.as_posix()) + b"\0" + file.sha256)
        return sha.hexdigest()

    return Source(
        name=f"folder:{readable(directory)}",
        class_names=labelling.names and tuple(map(readable, labelling.names)),
        image_shape=image_shape,
        preprocessing=preprocessing,
        read=reader(reading, image_shape),
        digest=digest,
        size=len(paths),
        skipped=tuple(skipped),
        classes_from=labelling.origin,
        notes=(
            *layout.notes,
            *labelling.notes,
            *_empty(label_of, used),
            *_hidden(tree),
            *findings.notes(used, reading, channels),
        ),
        files=tuple(readable(f.path.as_posix()) for f in used),
        geometry=geometry.in_words(reading, image_shape),
        numbering="names" if label_of else "",
        reader=reader,
        reading=reading,
        outputs=labelling.outputs,
    )


def _walked(root: Path, directory: str) -> Tree:
    if root.is_file():
        raise InputError(
            f"{directory!r} is a file, not a folder; give a folder of images, or npz:FILE for an "
            ".npz archive."
        )
    if not root.is_dir():
        raise InputError(f"There is no folder {directory!r}; give a folder of images.")
    try:
        return walk(root)
    except OSError as error:
        raise InputError(
            f"The folder {directory!r} can't be opened ({error.strerror}); "
            "give one that you may read."
        ) from error


def _is_known(name: str, outputs: int | None, classes: Classes | None) -> bool:
    if classes is not None:
        return bool(called(name, classes))
    return outputs in (None, len(imagenet())) and name in (imagenet().keys or ())


def _labelling(
    folders: tuple[str, ...] | None, directory: str, outputs: int | None, classes: Classes | None
) -> Labelling:
    if folders is None:
        return unlabelled(outputs=outputs, classes=classes)
    found = Named(
        where=f"The folder {directory!r}",
        noun="class folder",
        names=folders,
        order="the folders in alphabetical order, as Keras counts them",
    )
    return assign(found, outputs=outputs, classes=classes)


def _look_at_all(tree: Tree, channels: int, file_limit: float) -> list[Found]:
    def looked(path: Path) -> Found:
        try:
            with open(tree.root / path, "rb") as content:
                look = decoding.look(content, channels, path.suffix, file_limit)
                # Now, while the file is in the cache: a folder is read once to be opened and known.
                content.seek(0)
                sha = b"" if look.problem else hashlib.file_digest(content, "sha256").digest()
                return Found(path, look, sha)
        except OSError as error:
            return Found(path, decoding.Look(error.strerror or "can't be opened"))

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        # Pillow warns of large pictures and damaged tags; what matters is said in our own words.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
        looks = tqdm(
            pool.map(looked, tree.files),
            total=len(tree.files),
            desc="checking images",
            disable=len(tree.files) <= QUIET_UP_TO,
        )
        return list(looks)


def _is_inside(path: Path, label_of: dict[str, int]) -> bool:
    """Whether a file is in a class folder, where there are some."""
    return not label_of or (len(path.parts) > 1 and path.parts[0] in label_of)


def _unused(checked: Sequence[Found], label_of: dict[str, int], root: Path) -> list[Skipped]:
    left = [f for f in checked if f.look.problem or not _is_inside(f.path, label_of)]
    left.sort(key=lambda f: (not _is_inside(f.path, label_of), f.path))
    return [
        Skipped(readable(str(root / f.path)), f.look.problem or "outside the class folders")
        for f in left
    ]


def _turn(found: Found, reading: Reading) -> int:
    """The turn that is left to make, as an EXIF tag."""
    asked = reading.orientation == "exif" and not found.look.turns
    return found.look.orientation if asked else 1


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{str(path)!r} was there when the folder was opened, but can't be read any more "
            f"({error.strerror}); run again on a folder that stays as it is."
        ) from error


def _nothing(directory: str, tree: Tree, problems: Sequence[str]) -> str:
    tried = f"{len(tree.files)} tried" + (f": {findings.reasons(problems)}" if problems else "")
    endings = ", ".join(sorted(EXTENSIONS))
    return (
        f"The folder {directory!r} has no readable image ({tried}); "
        f"put image files ({endings}) or class folders of them into it."
    )


def _empty(label_of: dict[str, int], used: Sequence[Found]) -> list[str]:
    seen = {f.path.parts[0] for f in used}
    empty = [readable(name) for name in label_of if name not in seen]
    if not empty:
        return []
    have = "has" if len(empty) == 1 else "have"
    return [
        f"{len(empty)} of {len(label_of)} class folders {have} no picture that can be read "
        f"({listed(empty)}); counted as classes, as Keras does."
    ]


def _hidden(tree: Tree) -> list[str]:
    if not tree.hidden:
        return []
    return [f"Hidden folders are left out ({listed([readable(n) for n in tree.hidden])})."]
