"""What sentences about prepared data sets advise is done to the letter, and opens them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from prepared import prepare

from tf_fragile.audit.asked import asked
from tf_fragile.audit.subject import open_subject
from tf_fragile.data import PREPROCESSINGS, Classes, Source, open_source
from tf_fragile.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
LABELS = [0, 1, 2, 2, 1, 0]
NAMES = ["dog", "ant", "cat"]
SPLITS = {
    "test": list(zip(IMAGES[:2], LABELS[:2], strict=True)),
    "train": list(zip(IMAGES, LABELS, strict=True)),
}


def plain(where: Path | str, name: str = "tiny", **splits: Any) -> None:
    picture = tfds.features.Image(shape=(8, 8, 3))
    prepare(where, name, picture, tfds.features.ClassLabel(names=NAMES), splits or SPLITS)


def opened(spec: str, where: Path | None, **settings: Any) -> Source:
    given = {"preprocessing": PREPROCESSINGS["raw"], "image_shape": (8, 8, 3), "outputs": 3}
    data_dir = None if where is None else str(where)
    return open_source(spec, **{**given, **settings}, data_dir=data_dir)


def refusal(spec: str, where: Path | None, **settings: Any) -> str:
    with pytest.raises(InputError) as error:
        opened(spec, where, **settings)
    assert str(error.value).isprintable()
    return str(error.value)


def check(source: Source, images: np.ndarray = IMAGES, labels: list[int] = LABELS) -> None:
    found = source.load(range(len(source)))
    np.testing.assert_array_equal(found.image, images)
    assert found.label.tolist() == labels


# Where it lies ------------------------------------------------------------------------------------


def test_a_data_set_prepared_there_is_found(tmp_path: Path) -> None:
    said = refusal("tfds:tiny/train", tmp_path / "new")
    there = re.search(r"prepared in '(.*)'; prepare it there, or", said)
    assert there is not None, said
    plain(there[1])
    check(opened("tfds:tiny/train", tmp_path / "new"))


def test_a_data_set_that_lies_elsewhere_is_pointed_to(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))
    monkeypatch.delenv("TF_FRAGILE_DATA", raising=False)
    plain(tmp_path / "there")
    said = refusal("tfds:tiny/train", None)
    flag, variable = re.search(r"or point --(\w+) or (\w+) to where it lies\.$", said).groups()
    assert flag == "data_dir"
    check(opened("tfds:tiny/train", tmp_path / "there"))
    monkeypatch.setenv(variable, str(tmp_path / "there"))
    check(opened("tfds:tiny/train", None))


# Which part of it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["tset", "train[:2", "train[:2]+", "train[0:0]", "train[a:b]"])
@pytest.mark.parametrize("splits", [SPLITS, {"val": SPLITS["train"]}, {"a": [], **SPLITS}])
def test_a_split_written_as_told_is_read(tmp_path: Path, split: str, splits) -> None:
    splits = {name: rows for name, rows in splits.items() if rows}
    plain(tmp_path, **splits)
    said = refusal(f"tfds:tiny/{split.replace('train', min(splits))}", tmp_path)
    told = re.search(r"it has (.*)\.$", said) or re.search(r"write it as (.*)\.$", said)
    assert told is not None, said
    for part in re.split(r", | or ", told[1]):
        rows = [row for name in part.split("+") for row in splits[name.partition("[")[0]]]
        if "[" in part:  # a tenth of six is one
            rows = rows[:1] if len(rows) > 2 else []
        if rows:
            images, labels = zip(*rows, strict=True)
            check(opened(f"tfds:tiny/{part}", tmp_path), np.stack(images), list(labels))


def test_the_way_to_name_a_split_works(tmp_path: Path) -> None:
    plain(tmp_path)
    spec = re.search(r"write (tfds:NAME/SPLIT)\.$", refusal("tfds:tiny", tmp_path))[1]
    check(opened(spec.replace("NAME", "tiny").replace("SPLIT", "train"), tmp_path))


# What is in it ------------------------------------------------------------------------------------


def exported(where: Path, name: str, path: Path) -> str:
    """The data set as arrays."""
    rows = list(tfds.as_numpy(tfds.builder(name, data_dir=str(where)).as_dataset(split="train")))
    np.savez(path, images=[r["image"] for r in rows], labels=[r["label"] for r in rows])
    return f"npz:{path}"


FLOATS = {
    "float pictures": tfds.features.Image(shape=(8, 8, 1), dtype=tf.float32),
    "float arrays": tfds.features.Tensor(shape=(8, 8, 3), dtype=tf.float32),
    "arrays of bytes": tfds.features.Tensor(shape=(8, 8, 3), dtype=tf.uint8),
}


@pytest.mark.parametrize("kind", FLOATS)
def test_images_that_are_no_pictures_are_stored_as_arrays_as_told(
    tmp_path: Path, kind: str
) -> None:
    feature = FLOATS[kind]
    shape = feature.shape
    whole = IMAGES[..., : shape[2]]
    images = whole if kind == "arrays of bytes" else whole / np.float32(255)
    rows = list(zip(images, LABELS, strict=True))
    prepare(tmp_path, "tiny", feature, tfds.features.ClassLabel(names=NAMES), {"train": rows})
    said = refusal("tfds:tiny/train", tmp_path, image_shape=shape)
    told = re.search(r"store them as arrays and open them with (\w+):FILE\.$", said)
    assert told is not None, said
    spec = exported(tmp_path, "tiny", tmp_path / "a.npz")
    if kind != "arrays of bytes":  # and then they say in which units
        said = refusal(spec, None, image_shape=shape)
        expression = re.search(r"store (images .*?); or", said)[1]
        np.savez(tmp_path / "a.npz", images=eval(expression, {"images": images}), labels=LABELS)
    assert told[1] == "npz"
    found = opened(spec, None, image_shape=shape).load(range(6))
    np.testing.assert_allclose(found.image, whole, atol=1e-4)
    assert found.label.tolist() == LABELS


def test_a_data_set_of_other_things_is_no_data_of_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "words" / "1.0.0"
    folder.mkdir(parents=True)
    identity = tfds.core.dataset_info.DatasetIdentity(
        name="words", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name="tests"
    )
    features = tfds.features.FeaturesDict({"word": tfds.features.Text()})
    writer = tfds.core.SequentialWriter(
        tfds.core.DatasetInfo(builder=identity, features=features), max_examples_per_shard=9
    )
    writer.initialize_splits(["train"])
    writer.add_examples({"train": [{"word": "a"}]})
    writer.close_all()
    assert refusal("tfds:words/train", tmp_path) == (
        "The data set 'words' has no feature 'image', but word; choose an image classification "
        "data set."
    )
    plain(tmp_path)
    check(opened("tfds:tiny/train", tmp_path))


def test_classes_of_another_model_are_named_as_told(tmp_path: Path) -> None:
    plain(tmp_path)
    said = refusal("tfds:tiny/train", tmp_path, outputs=4)
    assert "name the class of each output, in their order, with --classes=FILE, one a line" in said
    (tmp_path / "names.txt").write_text("cat\nbird\nant\ndog")
    classes = Classes.read(tmp_path / "names.txt")
    source = opened("tfds:tiny/train", tmp_path, outputs=4, classes=classes)
    check(source, labels=[classes.names.index(NAMES[label]) for label in LABELS])
    said = refusal("tfds:tiny/train", tmp_path, outputs=2)
    assert said.endswith("choose a model or data with the other's classes.")


def test_labels_in_another_order_are_stored_as_arrays_as_told(tmp_path: Path) -> None:
    """Numbers without names, for which there is no file of names to give."""
    images = np.stack([np.full((8, 8, 3), 40 + 80 * (i % 3), np.uint8) for i in range(24)])
    images[:, 0, 0] += np.arange(24, dtype=np.uint8)[:, None]  # no two are the same
    labels = [2 - i % 3 for i in range(24)]
    picture, number = tfds.features.Image(shape=(8, 8, 3)), tfds.features.Scalar(tf.int64)
    rows = list(zip(images, labels, strict=True))
    prepare(tmp_path, "tiny", picture, number, {"train": rows})
    head = keras.layers.Dense(3, activation="softmax")
    layers = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255)]
    model = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), head])
    levels = (40 + 80 * np.arange(3)) / 255
    head.set_weights([np.tile(200 * levels, (3, 1)), -300 * levels**2])
    model.save(tmp_path / "m.keras")
    given = asked(
        model=str(tmp_path / "m.keras"),
        data="tfds:tiny/train",
        only_correct=False,
        explainers=("gradient",),
    )
    doubt = open_subject(given, str(tmp_path)).feeding.doubt
    told = re.search(r"store the images and (.*?) as arrays, and open them with (\w+):FILE", doubt)
    assert told is not None, doubt
    exported(tmp_path, "tiny", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        arrays = dict(stored)
    arrays["labels"] = eval(told[1], {"numpy": np, "labels": arrays["labels"]})
    np.savez(tmp_path / "a.npz", **arrays)
    right = open_subject(replace(given, data=f"{told[2]}:{tmp_path / 'a.npz'}")).feeding
    assert right.doubt == "" and right.accuracy.mean == 1


@pytest.mark.parametrize(
    ("feature", "labels", "said"),
    [
        (tfds.features.Text(), [NAMES[label] for label in LABELS], "text"),
        (tfds.features.Tensor(shape=(2,), dtype=tf.int64), [[0, 1]] * 6, "int64 of shape [2]"),
        (tfds.features.Scalar(tf.float32), [0.5] * 6, "float32"),
    ],
)
def test_labels_that_are_no_numbers_are_left_out_with_a_word(
    tmp_path: Path, feature, labels, said
) -> None:
    rows = list(zip(IMAGES, labels, strict=True))
    prepare(tmp_path, "tiny", tfds.features.Image(shape=(8, 8, 3)), feature, {"train": rows})
    source = opened("tfds:tiny/train", tmp_path)
    check(source, labels=[-1] * 6)
    assert source.notes == (
        f"The labels are {said}, not one class an image, and are left out: no labels.",
    )
