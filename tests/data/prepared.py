"""Data sets of TensorFlow Datasets, prepared here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds


def prepare(
    where: Path | str,
    name: str,
    image: Any,
    label: Any,
    splits: Mapping[str, Sequence[tuple[Any, Any]]],
) -> None:
    """Writes a data set of images and labels.

    Args:
      where: the `data_dir`.
      name: of the data set.
      image: the feature of the images.
      label: that of the labels; `None` for none.
      splits: images and labels by the name of their split.
    """
    folder = Path(where) / name / "1.0.0"
    folder.mkdir(parents=True)
    features = {"image": image} | ({} if label is None else {"label": label})
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=name, version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name="tests"
    )
    info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=100)
    writer.initialize_splits(list(splits))
    writer.add_examples(
        {
            split: [dict(zip(features, row, strict=False)) for row in rows]
            for split, rows in splits.items()
        }
    )
    writer.close_all()
