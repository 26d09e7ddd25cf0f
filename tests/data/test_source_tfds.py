"""Prepared TFDS data: parts of splits, sizes, and classes against the model's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tf_fragile.data import PREPROCESSINGS, Classes, Reading, Source, open_source, source_tfds
from tf_fragile.data.class_index import CIFAR10, class_index
from tf_fragile.errors import InputError

Open = Callable[..., Source]


@pytest.fixture(scope="module")
def opened(shared_data: Path) -> Open:
    def open_part(spec: str, shape: tuple[int, int, int] = (32, 32, 3), **settings) -> Source:
        return open_source(
            f"tfds:{spec}",
            preprocessing=PREPROCESSINGS["raw"],
            image_shape=shape,
            data_dir=str(shared_data / "tfds"),
            **settings,
        )

    return open_part


def test_splits_are_added_and_cut_by_number_and_share(opened: Open) -> None:
    added = opened("mnist/test[:3]+train[10:12]", (28, 28, 1))
    parts = [opened(f"mnist/{part}", (28, 28, 1)) for part in ("test[:3]", "train[10:12]")]
    assert len(added) == 5
    images = np.concatenate([part.load(range(len(part))).image for part in parts])
    np.testing.assert_array_equal(added.load(range(5)).image, images)
    assert len(opened("mnist/test[:1%]", (28, 28, 1))) == 20
    assert len(opened("mnist/test[-4:]", (28, 28, 1))) == 4


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("test+dev[:10%]", "The data set 'mnist' has no split 'dev[:10%]'; it has test, train."),
        ("tset", "The data set 'mnist' has no split 'tset'; it has test, train."),
        ("test+", "The data set 'mnist' has no split ''; it has test, train."),
        ("test[:10", "The split 'test[:10' can't be read"),
        (
            "test[0:0]",
            "The split 'test[0:0]' can't be read (Instruction [] corresponds to no data!); write "
            "it as train, train[:10%] or train+test.",
        ),
    ],
)
def test_splits_that_are_not_there_are_refused(opened: Open, split: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        opened(f"mnist/{split}", (28, 28, 1))
    assert str(error.value).startswith(said)


def test_images_of_another_size_are_resized_by_the_rule_of_files(opened: Open) -> None:
    whole = opened("cifar10/test[:2]").load([0, 1]).image
    small = opened("cifar10/test[:2]", (20, 28, 3))
    assert small.geometry == (
        "stretched to 20x28, bilinear, as keras.utils.image_dataset_from_directory"
    )
    np.testing.assert_allclose(
        small.load([0, 1]).image, tf.image.resize(whole, (20, 28)), atol=1e-3
    )
    padded = opened("cifar10/test[:2]", (20, 28, 3), reading=Reading("pad")).load([0, 1]).image
    np.testing.assert_allclose(padded, tf.image.resize_with_pad(whole, 20, 28), atol=1e-3)
    assert opened("cifar10/test[:2]").geometry == "as they are"


def test_grey_and_colour_are_turned_into_each_other_as_files_are(opened: Open, tmp_path) -> None:
    for data, side, wanted, own, note in (
        ("mnist", 28, 3, 1, "The images are grey; read as in colour, as Keras reads files."),
        ("cifar10", 32, 1, 3, "The images are in colour; read as grey, as Keras reads files."),
    ):
        found = opened(f"{data}/test[:2]", (side, side, wanted))
        assert found.notes == (note,)
        as_stored = opened(f"{data}/test[:2]", (side, side, own)).load([0, 1]).image
        for i, pixels in enumerate(as_stored):
            keras.utils.save_img(tmp_path / f"{data}{i}.png", pixels, scale=False)
            expected = tf.io.decode_image((tmp_path / f"{data}{i}.png").read_bytes(), wanted)
            # Of a JPEG the stored brightness is taken, of which colours were rounded.
            apart = np.abs(found.load([i]).image[0] - np.float32(expected)).max()
            assert apart <= (0 if wanted == 3 else 5)


def test_classes_are_compared_with_the_outputs(opened: Open) -> None:
    source = opened("cifar10/test[:4]", outputs=10)
    assert source.class_names == CIFAR10 and source.classes_from == "the data set's own order"
    with pytest.raises(InputError) as error:
        opened("cifar10/test[:4]", outputs=3)
    assert str(error.value) == (
        "The data set 'cifar10' has 10 classes (airplane, automobile, bird, …), but the model "
        "tells 3 classes apart; choose a model or data with the other's classes."
    )


def test_classes_in_another_order_are_matched_by_name(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\n".join([*reversed(CIFAR10), "moon"]))
    given = Classes.read(tmp_path / "names.txt")
    plain = opened("cifar10/test[:6]").load(range(6)).label
    source = opened("cifar10/test[:6]", outputs=11, classes=given)
    np.testing.assert_array_equal(source.load(range(6)).label, 9 - plain)
    assert source.class_names == given.names
    # The same pictures, told otherwise.
    assert source.digest() == opened("cifar10/test[:6]").digest()
    assert source.fingerprint() != opened("cifar10/test[:6]").fingerprint()
    with pytest.raises(InputError, match=r"'mnist' has a class '0', which is no class of CIFAR-10"):
        opened("mnist/test[:2]", (28, 28, 1), outputs=10, classes=class_index("cifar10"))


def builder(dtype: type, label: object = None) -> SimpleNamespace:
    features = {"image": tfds.features.Image(shape=(8, 8, 1), dtype=dtype)}
    features |= {} if label is None else {"label": label}
    return SimpleNamespace(info=SimpleNamespace(features=features))


def test_depths_that_are_no_pictures_are_refused() -> None:
    assert source_tfds._image_shape(builder(np.uint16), "x") == (8, 8, 1)
    assert source_tfds._depth(builder(np.uint16)) == [
        "The images have 16 bits; the high byte is taken."
    ]
    with pytest.raises(InputError) as error:
        source_tfds._image_shape(builder(np.float32), "x")
    assert str(error.value) == (
        "The images of 'x' are float32, not pictures of 8 or 16 bits; store them as arrays and "
        "open them with npz:FILE."
    )


def test_numbers_without_names_are_compared_with_the_outputs() -> None:
    plain = builder(np.uint8, SimpleNamespace(shape=(), np_dtype=np.int64))
    labelling = source_tfds._labelling(plain, "x", 3, None)
    assert labelling.outputs == () and labelling.names is None
    source_tfds._check_numbers([0, 2, -1], "x", 3, labelling)
    with pytest.raises(InputError) as error:
        source_tfds._check_numbers([0, 3], "x", 3, labelling)
    assert str(error.value) == (
        "The labels of the data set 'x' run up to 3, but the model tells 3 classes apart; choose "
        "a model or a data set with the other's classes."
    )
