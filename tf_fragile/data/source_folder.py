"""Images from a folder of class folders, or from a flat folder."""

from __future__ import annotations

import csv
import hashlib
import os
import struct
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from tf_fragile.data.fitting import to_pixels
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.source import Sample, Skipped, Source
from tf_fragile.errors import InputError

EXTENSIONS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
QUIET_UP_TO = 500
"""Folders with more images than this are checked behind a progress bar."""

# What Pillow's decoders raise on broken files; some leak their own exceptions.
_DECODING_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def open_folder(
    directory: str, *, preprocessing: Preprocessing, image_shape: tuple[int, int, int]
) -> Source:
    """Opens every readable image of a folder, in the order of their paths.

    Folders inside `directory` are classes. Where they are named by WordNet ids of the 1000
    ImageNet classes, labels follow the standard order of these; otherwise the sorted folder
    names. A folder without class folders gives label -1. Every file is decoded once when the
    folder is opened, so that a position never turns out to be unreadable later. Orientation
    tags are not applied, as in the usual training pipelines.

    Args:
      directory: the folder.
      preprocessing: how pixels become model units.
      image_shape: `(H, W, C)` the network takes; images are resized and cropped to it.

    Returns:
      The source; `skipped` lists the files that can't be read.

    Raises:
      InputError: if there is no such folder or no readable image in it.
    """
    root = Path(directory)
    if not root.is_dir():
        raise InputError(f"There is no folder {directory!r}; give a folder of images.")
    classes = _class_folders(root)
    files = sorted(_images(root if not classes else [root / c for c in classes]))
    loose = _images([root], recursive=False) if classes else []
    checked = _check_all(files)
    paths = [path for path, reason in checked if not reason]
    if not paths:
        raise InputError(
            f"The folder {directory!r} has no readable image ({len(files)} tried); "
            f"put image files ({', '.join(sorted(EXTENSIONS))}) or class folders of them into it."
        )
    skipped = [Skipped(str(path), reason) for path, reason in checked if reason]
    skipped += [Skipped(str(path), "outside the class folders") for path in sorted(loose)]
    class_names, label_of = _labels(classes, directory)
    labels = [label_of.get(path.relative_to(root).parts[0], -1) for path in paths]

    def read(position: int) -> Sample:
        with Image.open(paths[position]) as picture:
            return Sample(to_pixels(picture, image_shape), labels[position])

    def digest() -> str:
        sha = hashlib.sha256()
        for path in paths:
            content = path.read_bytes()
            sha.update(os.fsencode(path.relative_to(root).as_posix()))
            sha.update(f"\0{len(content)}\0".encode())
            sha.update(content)
        return sha.hexdigest()

    return Source(
        name=f"folder:{directory}",
        class_names=class_names,
        image_shape=image_shape,
        preprocessing=preprocessing,
        read=read,
        digest=digest,
        size=len(paths),
        skipped=tuple(skipped),
    )


@cache
def imagenet_classes() -> tuple[tuple[str, str], ...]:
    """The 1000 ImageNet classes in their standard order, as (WordNet id, name)."""
    table = resources.files("tf_fragile.data").joinpath("imagenet_classes.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return tuple((row["wnid"], row["name"]) for row in rows)


def _class_folders(root: Path) -> list[str]:
    inside = (p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    return sorted(p.name for p in inside if _images([p]))


def _images(roots: Path | Iterable[Path], recursive: bool = True) -> list[Path]:
    roots = [roots] if isinstance(roots, Path) else roots
    pattern = "**/*" if recursive else "*"
    return [
        path
        for root in roots
        for path in root.glob(pattern)
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()
    ]


def _check_all(files: list[Path]) -> list[tuple[Path, str]]:
    """Each file with the reason why it can't be read, or an empty one."""
    with ThreadPoolExecutor() as pool:
        reasons = tqdm(
            pool.map(_problem, files),
            total=len(files),
            desc="checking images",
            disable=len(files) <= QUIET_UP_TO,
        )
        return list(zip(files, reasons, strict=True))


def _problem(path: Path) -> str:
    try:
        with Image.open(path) as picture:
            # Decoding a JPEG at its smallest scale still reads all of it, at half the time.
            picture.draft("L", (1, 1))
            picture.load()
    except _DECODING_ERRORS as error:
        return " ".join(str(error).replace(str(path), path.name).split()) or "can't be decoded"
    return ""


def _labels(classes: list[str], directory: str) -> tuple[tuple[str, ...] | None, dict[str, int]]:
    if not classes:
        return None, {}
    order = {wnid: label for label, (wnid, _) in enumerate(imagenet_classes())}
    if not any(name in order for name in classes):
        return tuple(classes), {name: label for label, name in enumerate(classes)}
    strangers = [name for name in classes if name not in order]
    if strangers:
        kind = "is not one of the 1000 ImageNet classes"
        raise InputError(
            f"The folder {directory!r} has ImageNet class folders, but {strangers[0]!r} {kind}; "
            "move it away or rename the others."
        )
    return tuple(name for _, name in imagenet_classes()), order
