"""Data at hand: what is taken, in which units, and what can't be meant."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.data.arrays import Part
from tf_fragile.data.memory import open_memory
from tf_fragile.errors import InputError

RNG = np.random.default_rng(0)
ROWS = RNG.uniform(-1, 3, (10, 4)).astype("float32")
LABELS = np.arange(10) % 3
BYTES = RNG.integers(0, 256, (6, 5, 5, 3)).astype(np.uint8)
PARTS = (Part("a", (3,)), Part("b", (2, 2)))
NAMED = {"b": RNG.normal(size=(6, 2, 2)).astype("float32"), "a": np.ones((6, 3), "float32")}


class Batches(keras.utils.PyDataset):
    """Batches of four rows."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int):
        part = slice(4 * index, 4 * index + 4)
        return ROWS[part], LABELS[part]


@pytest.mark.parametrize(
    "data",
    [
        (ROWS, LABELS),
        (ROWS.tolist(), LABELS.tolist()),
        (tf.constant(ROWS), tf.constant(LABELS)),
        (ROWS, np.eye(3)[LABELS]),
        tf.data.Dataset.from_tensor_slices((ROWS, LABELS)),
        tf.data.Dataset.from_tensor_slices((ROWS, LABELS)).batch(4),
        tf.data.Dataset.from_tensor_slices((ROWS, LABELS)).filter(lambda x, y: True).batch(3),
        Batches(),
    ],
    ids=["arrays", "lists", "tensors", "one-hot", "samples", "batches", "uncounted", "pydataset"],
)
def test_the_same_samples_however_they_come(data) -> None:
    source = open_memory(data, (4,), outputs=3)
    batch = source.load(range(10))
    np.testing.assert_array_equal(batch.image, ROWS)
    np.testing.assert_array_equal(batch.label, LABELS)
    assert source.preprocessing.bounds == (float(ROWS.min()), float(ROWS.max()))
    assert source.notes[0].startswith("The range is that of the data, -0.")


def test_labels_may_be_absent_and_named_inputs_are_one_row_in_the_models_order() -> None:
    source = open_memory(NAMED, (7,), parts=PARTS)
    batch = source.load([2])
    np.testing.assert_array_equal(batch.image[0], [1, 1, 1, *NAMED["b"][2].ravel()])
    assert batch.label.tolist() == [-1]
    assert open_memory(NAMED, (7,), parts=PARTS).fingerprint() == source.fingerprint()
    other = {**NAMED, "a": 2 * NAMED["a"]}
    assert open_memory(other, (7,), parts=PARTS).fingerprint() != source.fingerprint()


def test_bytes_are_pixels_and_floats_are_what_they_are() -> None:
    pixels = open_memory(BYTES, (5, 5, 3))
    assert pixels.preprocessing.bounds is None and pixels.preprocessing.grey_level == 1
    said = open_memory(BYTES.astype("float32"), (5, 5, 3), range=(0, 255))
    assert said.preprocessing.bounds is None
    unit = open_memory(BYTES / np.float32(255), (5, 5, 3), range=(0, 1))
    assert unit.preprocessing.bounds == (0, 1) and not unit.notes


def test_a_preprocessing_of_one_mean_and_scale_keeps_epsilon_in_grey_levels() -> None:
    source = open_memory(
        BYTES, (5, 5, 3),
        preprocess=lambda x: tf.cast(x, tf.float32) / 127.5 - 1,
        inverse=lambda x: (x + 1) * 127.5,
    )  # fmt: skip
    np.testing.assert_allclose(source.load([3]).image[0], BYTES[3] / 127.5 - 1, atol=1e-4)
    np.testing.assert_allclose(source.range.unit, 1 / 127.5, rtol=1e-3)
    assert "epsilon is in grey levels" in source.notes[0]


@pytest.mark.parametrize(
    ("inverse", "why"),
    [(None, "no inverse= was given"), (lambda x: x**2, "preprocess= is no one mean and scale")],
)
def test_any_other_preprocessing_leaves_epsilon_in_the_models_units(inverse, why) -> None:
    x = np.abs(ROWS)
    source = open_memory(x, (4,), range=(0, 4), preprocess=tf.sqrt, inverse=inverse)
    np.testing.assert_allclose(source.load(range(10)).image, np.sqrt(x), rtol=1e-6)
    assert source.preprocessing.bounds == (0, 2)
    assert source.notes == (f"epsilon is in the model's units, since {why}.",)


def test_columns_that_one_epsilon_hardly_fits_are_said() -> None:
    wide = ROWS * np.array([1, 1, 1, 1000], "float32")
    (_, note) = open_memory(wide, (4,)).notes
    assert note.startswith("Columns have ranges from ") and "bring them to one scale" in note


@pytest.mark.parametrize("last", [False, True])
def test_an_inverse_is_tried_on_every_sample(last: bool) -> None:
    pixels = RNG.integers(50, 200, (70, 2, 2, 3)).astype("float32")
    pixels[-1] += 55.0 * last  # where the others are not, it is clipped

    def clipped(x):
        return tf.clip_by_value(x, 0, 199) / 255

    def opened():
        given = {"preprocess": clipped, "inverse": lambda x: 255 * x, "range": (0, 255)}
        return open_memory(pixels, (2, 2, 3), **given)

    if last:
        with pytest.raises(InputError, match="inverse= does not undo preprocess= on the data"):
            opened()
    else:
        np.testing.assert_allclose(opened().load([69]).image, clipped(pixels[69:]), atol=1e-6)


UNLIKE = (Part("picture", (2, 2)), Part("age", (1,)))  # "age" comes first in the alphabet
PICTURES = RNG.normal(size=(6, 2, 2)).astype("float32")
AGES = np.arange(6, dtype="float32")[:, np.newaxis]
BY_NAME = tf.data.Dataset.from_tensor_slices({"picture": PICTURES, "age": AGES})
LISTED = tf.data.Dataset.from_tensor_slices(((PICTURES, AGES), np.arange(6) % 2))


@pytest.mark.parametrize(
    "data",
    [
        [PICTURES, AGES],
        ((PICTURES, AGES), None),
        BY_NAME,
        BY_NAME.batch(4),
        LISTED,
        LISTED.batch(4),
    ],
    ids=["list", "pair", "named", "named batches", "listed", "listed batches"],
)
def test_inputs_of_several_ranks_come_by_name_or_in_the_models_order(data) -> None:
    source = open_memory(data, (5,), parts=UNLIKE, outputs=2)
    whole = np.concatenate([PICTURES.reshape(6, 4), AGES], axis=1)
    np.testing.assert_array_equal(source.load(range(6)).image, whole)


class Growing(Batches):
    """Another batch each time."""

    def __getitem__(self, index: int):
        x, y = super().__getitem__(index)
        return x + np.random.default_rng().normal(), y


SHUFFLED = tf.data.Dataset.from_tensor_slices(ROWS).shuffle(10)
ENDLESS = tf.data.Dataset.from_tensor_slices(ROWS).repeat()


@pytest.mark.parametrize(
    ("data", "given", "sentence"),
    [
        (ENDLESS, {}, "The tf.data.Dataset never ends; give data.take(N)."),
        (SHUFFLED, {}, "The tf.data.Dataset changes between passes: its first batch is another"),
        (Growing(), {}, "The PyDataset changes between passes: its first batch is another one"),
        (tf.data.Dataset.from_tensor_slices(ROWS).take(0), {}, "The tf.data.Dataset is empty"),
        (tf.ragged.constant([[1.0], [1.0, 2.0]]), {}, "x is ragged: its samples are of several"),
        ([[1.0], [1.0, 2.0]], {}, "x is ragged: its samples are of several shapes; bring them"),
        (iter([ROWS]), {}, "The data are a generator, which can be read only once; give arrays"),
        (ROWS[:, :3], {}, "the data has shape [10, 3], and the model takes [N, 4]; give samples"),
        (np.array("a"), {}, "x is"),
        (ROWS[:0], {"preprocess": lambda x: x}, "; give an array [N, ...] of samples."),
        (np.where(ROWS > 2.5, np.nan, ROWS), {}, "has a value that is no finite number; repair"),
        (ROWS, {"range": (0, 1)}, "outside of the range 0..1; give the range that the data can"),
        (ROWS, {"range": (1, 0)}, "range=(1, 0) is no range; give (low, high), such as (-1, 1)."),
        (np.ones((3, 4)), {}, "All values of the data are 1; give range=, or other data."),
        ((ROWS, LABELS[:5]), {"outputs": 3}, "store 10 whole numbers, one for each"),
        ((ROWS, LABELS), {"outputs": 2}, "2"),
        (NAMED, {}, "the data has 2 arrays ('b', 'a'), and the model takes one input; give that"),
        (NAMED, {"preprocess": lambda x: x}, "the data has 2 arrays ('b', 'a'), and the model"),
        (
            ROWS,
            {"preprocess": lambda x: x + tf.random.normal(tf.shape(x))},
            "preprocess= gives a sample by itself another value than in a batch: it is random or",
        ),
        (
            ROWS,
            {"preprocess": lambda x: x - tf.reduce_mean(x, axis=0)},
            "preprocess= gives a sample by itself another value than in a batch: it is random or",
        ),
        (ROWS, {"preprocess": lambda x: x[:2]}, "preprocess= makes 2 samples of 10; it has to"),
        (ROWS, {"preprocess": lambda x: x @ x}, "preprocess= can't take samples of shape [10, 4]"),
        (
            ROWS,
            {"preprocess": lambda x: 2 * x, "inverse": lambda x: x},
            "inverse= does not undo preprocess= on the data; give its inverse.",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused(data, given, sentence) -> None:
    with pytest.raises(InputError) as error:
        open_memory(data, (4,), **given)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            ROWS,
            "The model takes 2 inputs, and the data is one array; give them by their names",
        ),
        ([ROWS, ROWS, ROWS], "The model takes 2 inputs, and x lists 3; give one array for each of"),
        ({**NAMED, "c": ROWS}, "Unknown input of the model 'c'; known: a, b."),
        ({"a": NAMED["a"]}, "the data has no array 'b', which is an input of the model."),
        ({"a": NAMED["a"], "b": NAMED["b"][:2]}, "the data has 6 of 'a', 2 of 'b'; give as many"),
        ({"a": NAMED["b"], "b": NAMED["b"]}, "'a' in the data has shape [6, 2, 2], and the model"),
    ],
)
def test_named_inputs_that_do_not_fit_are_refused(data, sentence) -> None:
    with pytest.raises(InputError) as error:
        open_memory(data, (7,), parts=PARTS)
    assert sentence in str(error.value)


def test_a_data_set_that_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(InputError, match=r"takes more than 1e-07 GB in memory; give fewer"):
        open_memory(tf.data.Dataset.from_tensor_slices(ROWS), (4,), limit=1e-7)
