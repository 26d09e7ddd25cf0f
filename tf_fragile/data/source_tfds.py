"""Images of a prepared TensorFlow Datasets data set."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from tf_fragile.data.fitting import check_shape, to_pixels
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError

QUIET_UP_TO = 5_000
"""Splits with more images than this are read behind a progress bar."""


def open_tfds(
    spec: str,
    *,
    preprocessing: Preprocessing,
    image_shape: tuple[int, int, int],
    data_dir: str | None = None,
) -> Source:
    """Opens a split of a data set that lies prepared on disk; nothing is downloaded.

    The encoded images of the split are held in memory and decoded when asked for. Images of
    varying size are resized and cropped to the network's; others must have it.

    Args:
      spec: `NAME/SPLIT`, e.g. `cifar10/test` or `cifar10/train[:1000]`.
      preprocessing: how pixels become model units.
      image_shape: `(H, W, C)` the network takes.
      data_dir: where prepared data sets lie; otherwise `TFDS_DATA_DIR`, `TF_FRAGILE_DATA`/tfds,
        or the default of TensorFlow Datasets, whichever is set first.

    Returns:
      The source; labels are -1 where the data set has none.

    Raises:
      InputError: if the data set or split is not there or its images don't fit.
    """
    name, slash, split = spec.rpartition("/")
    if not (slash and name and split):
        raise InputError(f"'tfds:{spec}' names no split; write tfds:NAME/SPLIT.")
    builder = _builder(name, data_dir or default_data_dir())
    if split.partition("[")[0] not in (*builder.info.splits, "all"):
        raise InputError(
            f"The data set {name!r} has no split {split!r}; "
            f"it has {', '.join(sorted(builder.info.splits))}."
        )
    shape = _image_shape(builder, name)
    fixed = None not in shape[:2]
    if fixed:
        check_shape(f"tfds:{spec}", shape, image_shape)
    encoded, labels = _read(builder, split)

    def read(position: int) -> Sample:
        with Image.open(BytesIO(encoded[position])) as picture:
            return Sample(to_pixels(picture, image_shape), labels[position])

    def digest() -> str:
        sha = hashlib.sha256(f"{builder.info.full_name}/{split} {len(encoded)}".encode())
        for content, label in zip(encoded, labels, strict=True):
            sha.update(f"{label} {len(content)}\0".encode())
            sha.update(content)
        return sha.hexdigest()

    features = builder.info.features
    class_names = getattr(features["label"], "names", None) if "label" in features else None
    return Source(
        name=f"tfds:{spec}",
        class_names=tuple(class_names) if class_names else None,
        image_shape=image_shape,
        preprocessing=preprocessing,
        read=read,
        digest=digest,
        size=len(encoded),
    )


def default_data_dir() -> str | None:
    """Where prepared data sets lie, from the environment; `None` leaves it to the library."""
    if folder := os.environ.get("TFDS_DATA_DIR"):
        return folder
    if folder := os.environ.get("TF_FRAGILE_DATA"):
        return str(Path(folder) / "tfds")
    return None


def _builder(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets as tfds  # it takes seconds to import, so only where used

    where = data_dir or "~/tensorflow_datasets"
    hint = "prepare it there, or point --data_dir or TFDS_DATA_DIR to where it lies"
    try:
        builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except (ImportError, ValueError, OSError, AssertionError) as error:
        raise InputError(f"There is no data set {name!r} prepared in {where!r}; {hint}.") from error
    if not builder.is_prepared():
        raise InputError(f"The data set {name!r} is not prepared in {where!r}; {hint}.")
    return builder


def _image_shape(builder: Any, name: str) -> tuple[int | None, ...]:
    if "image" not in builder.info.features:
        raise InputError(
            f"The data set {name!r} has no feature 'image', but "
            f"{', '.join(sorted(builder.info.features))}; choose an image classification data set."
        )
    return tuple(builder.info.features["image"].shape)


def _read(builder: Any, split: str) -> tuple[list[bytes], list[int]]:
    import tensorflow_datasets as tfds

    try:
        data = builder.as_dataset(
            split=split, decoders={"image": tfds.decode.SkipDecoding()}, shuffle_files=False
        )
    except (ValueError, AssertionError) as error:
        raise InputError(f"The split {split!r} can't be read ({error}).") from error
    encoded, labels = [], []
    rows = tqdm(data, desc=f"reading {split}", disable=len(data) <= QUIET_UP_TO)
    for row in rows.iterable if rows.disable else rows:
        encoded.append(bytes(row["image"].numpy()))
        labels.append(int(row["label"].numpy()) if "label" in row else -1)
    if not encoded:
        raise InputError(f"The split {split!r} holds no image; choose a longer slice.")
    return encoded, labels
