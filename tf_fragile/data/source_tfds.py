"""Images of a prepared TensorFlow Datasets data set."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tf_fragile.data import decoding, geometry
from tf_fragile.data.classes import Classes
from tf_fragile.data.labelling import Labelling, Named, assign, unlabelled
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Read, Sample, Source
from tf_fragile.errors import InputError

QUIET_UP_TO = 5_000
"""Splits with more images than this are read behind a progress bar."""


def open_tfds(
    spec: str,
    *,
    preprocessing: Preprocessing,
    image_shape: tuple[int, int, int],
    reading: Reading | None = None,
    outputs: int | None = None,
    classes: Classes | None = None,
    data_dir: str | None = None,
) -> Source:
    """Opens a split of a data set that lies prepared on disk; nothing is downloaded.

    The encoded images of the split are held in memory and decoded when asked for. Those of
    another size than the network's are resized by the same rule as picture files.

    Those of another number of channels are read as picture files are.

    Args:
      spec: `NAME/SPLIT`, e.g. `cifar10/test`, `cifar10/train[:10%]` or `cifar10/train+test`.
      preprocessing: how pixels become model units.
      image_shape: `(H, W, C)` the network takes.
      reading: how images are brought to it; as Keras' loader does where `None`.
      outputs: how many classes the model tells apart.
      classes: what they are called.
      data_dir: where prepared data sets lie; otherwise `TFDS_DATA_DIR`, `TF_FRAGILE_DATA`/tfds,
        or the default of TensorFlow Datasets, whichever is set first.

    Returns:
      The source; labels are -1 where the data set has none.

    Raises:
      InputError: if the data set or split is not there, the model takes no pictures, or its classes
        are others.
    """
    name, slash, split = spec.rpartition("/")
    if not (slash and name and split):
        raise InputError(f"{f'tfds:{spec}'!r} names no split; write tfds:NAME/SPLIT.")
    builder = _builder(name, data_dir or default_data_dir())
    _check_splits(builder, name, split)
    reading = reading or Reading()
    shape = _image_shape(builder, name)
    decoding.check_channels(image_shape[2])
    labelling = _labelling(builder, name, outputs, classes)
    encoded, own_labels = _read(builder, split)
    _check_numbers(own_labels, name, outputs, labelling)
    labels = [labelling.outputs[n] if n >= 0 and labelling.outputs else n for n in own_labels]

    def reader(reading: Reading, image_shape: tuple[int, int, int]) -> Read:
        resize = geometry.resizer(reading, image_shape)
        keras = reading.resize != "imagenet"

        def read(position: int) -> Sample:
            pixels = decoding.decode(encoded[position], image_shape[2], keras=keras)
            return Sample(resize(pixels), labels[position])

        return read

    def digest() -> str:
        sha = hashlib.sha256(f"{builder.info.full_name}/{split} {len(encoded)}".encode())
        for content, label in zip(encoded, own_labels, strict=True):
            sha.update(f"{label} {len(content)}\0".encode())
            sha.update(content)
        return sha.hexdigest()

    fits = tuple(shape[:2]) == image_shape[:2]
    return Source(
        name=f"tfds:{spec}",
        class_names=labelling.names,
        image_shape=image_shape,
        preprocessing=preprocessing,
        read=reader(reading, image_shape),
        digest=digest,
        size=len(encoded),
        classes_from=labelling.origin,
        notes=(
            *labelling.notes,
            *_no_labels(builder),
            *_depth(builder),
            *_channels(shape[2], image_shape[2]),
        ),
        geometry="as they are" if fits else geometry.in_words(reading, image_shape),
        numbering="names" if labelling.outputs else "numbers" if max(labels) >= 0 else "",
        reader=reader,
        reading=reading,
        outputs=labelling.outputs,
    )


def default_data_dir() -> str | None:
    """Where prepared data sets lie, from the environment; `None` leaves it to the library."""
    if folder := os.environ.get("TFDS_DATA_DIR"):
        return folder
    if folder := os.environ.get("TF_FRAGILE_DATA"):
        return str(Path(folder) / "tfds")
    return None


def _check_splits(builder: Any, name: str, split: str) -> None:
    """Refuses an expression that names a split which is not there."""
    for part in split.split("+"):
        if part.partition("[")[0].strip() not in (*builder.info.splits, "all"):
            raise InputError(
                f"The data set {name!r} has no split {part.strip()!r}; "
                f"it has {', '.join(sorted(builder.info.splits))}."
            )


def _labelling(builder: Any, name: str, outputs: int | None, classes: Classes | None) -> Labelling:
    label = _label(builder)
    if not getattr(label, "num_classes", None):  # numbers, or none
        return unlabelled(outputs=outputs, classes=classes)
    if outputs is None and classes is None:
        return Labelling(tuple(range(label.num_classes)), tuple(label.names))
    found = Named(
        where=f"The data set {name!r}",
        noun="class",
        names=tuple(label.names),
        order="the data set's own order",
        movable=False,
    )
    return assign(found, outputs=outputs, classes=classes)


def _is_labelled(builder: Any) -> bool:
    """Whether each image has one number of a class."""
    label = _label(builder)
    return label is not None and not label.shape and np.issubdtype(label.np_dtype, np.integer)


def _no_labels(builder: Any) -> list[str]:
    """What is to be said of labels that are no numbers of classes."""
    label = _label(builder)
    if label is None or _is_labelled(builder):
        return []
    shape = f" of shape {list(label.shape)}" if label.shape else ""
    kind = "text" if label.np_dtype in (np.object_, np.bytes_) else str(np.dtype(label.np_dtype))
    return [f"The labels are {kind}{shape}, not one class an image, and are left out: no labels."]


def _splits_in_words(builder: Any) -> str:
    """How splits are written, with those that are there."""
    first, *others = sorted(builder.info.splits, key=lambda split: (split != "train", split))
    added = f" or {first}+{others[0]}" if others else ""
    return f"{first}{',' if added else ' or'} {first}[:10%]{added}"


def _label(builder: Any) -> Any:
    return dict(builder.info.features.items()).get("label")


def _check_numbers(
    labels: Sequence[int], name: str, outputs: int | None, labelling: Labelling
) -> None:
    """Refuses labels without names that are no outputs."""
    if labelling.outputs or outputs is None or max(labels) < outputs:
        return
    raise InputError(
        f"The labels of the data set {name!r} run up to {max(labels)}, but the model tells "
        f"{outputs} classes apart; choose a model or a data set with the other's classes."
    )


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
    import tensorflow_datasets as tfds

    if "image" not in builder.info.features:
        raise InputError(
            f"The data set {name!r} has no feature 'image', but "
            f"{', '.join(sorted(builder.info.features))}; choose an image classification data set."
        )
    image = builder.info.features["image"]
    if not isinstance(image, tfds.features.Image):
        raise InputError(
            f"The images of {name!r} are a feature of type {type(image).__name__}, not pictures; "
            "store them as arrays and open them with npz:FILE."
        )
    if image.np_dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"The images of {name!r} are {np.dtype(image.np_dtype)}, not pictures of 8 or 16 bits; "
            "store them as arrays and open them with npz:FILE."
        )
    return tuple(image.shape)


def _channels(found: int | None, wanted: int) -> list[str]:
    """What becomes of pictures of another kind, as of files."""
    if found in (None, wanted):
        return []
    kinds = {1: "grey", 3: "in colour", 4: "in colour with opacity"}
    return [f"The images are {kinds[found or 0]}; read as {kinds[wanted]}, as Keras reads files."]


def _depth(builder: Any) -> list[str]:
    deep = builder.info.features["image"].np_dtype == np.uint16
    return ["The images have 16 bits; the high byte is taken."] if deep else []


def _read(builder: Any, split: str) -> tuple[list[bytes], list[int]]:
    import tensorflow_datasets as tfds

    try:
        data = builder.as_dataset(
            split=split, decoders={"image": tfds.decode.SkipDecoding()}, shuffle_files=False
        )
    except (ValueError, AssertionError) as error:
        why = next(iter(str(error).splitlines()), "").rstrip(".")
        raise InputError(
            f"The split {split!r} can't be read ({why}); write it as {_splits_in_words(builder)}."
        ) from error
    encoded, labels = [], []
    labelled = _is_labelled(builder)
    rows = tqdm(data, desc=f"reading {split}", disable=len(data) <= QUIET_UP_TO)
    for row in rows.iterable if rows.disable else rows:
        encoded.append(bytes(row["image"].numpy()))
        labels.append(int(row["label"].numpy()) if labelled else -1)
    if not encoded:
        raise InputError(f"The split {split!r} holds no image; choose a longer slice.")
    return encoded, labels
