"""Which images are looked at."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.sources import open_source
from tf_fragile.errors import InputError
from tf_fragile.probes.sampling import draw, drawing_order, joined, look, nothing_seen


@pytest.fixture
def network():
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 6, 3))
    return as_network(keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(x))))


@pytest.fixture
def source(tmp_path, network):
    """Sixty images, every third labelled wrongly."""
    images = np.random.default_rng(0).integers(0, 255, (60, 6, 6, 3), dtype=np.uint8)
    labels = network.predict(images.astype(np.float32)).numpy()
    labels[::3] = (labels[::3] + 1) % 3
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    return open_source(
        f"npz:{tmp_path / 'x.npz'}",
        preprocessing=PREPROCESSINGS["raw"],
        image_shape=(6, 6, 3),
    )


def test_as_many_correct_images_as_asked_for_and_the_wrong_ones_on_the_way(source, network) -> None:
    drawn = draw(source, network, 10, only_correct=True)
    positions = drawn.positions
    assert (positions % 3 != 0).sum() == 10
    assert (positions % 3 == 0).any()
    assert (np.diff(positions) > 0).all()
    np.testing.assert_array_equal(drawn.passed_over, positions % 3 == 0)


def test_a_longer_sample_contains_the_shorter_one(source, network) -> None:
    short, long = (draw(source, network, n, only_correct=True, seed=4).positions for n in (5, 20))
    assert set(short) < set(long)


def test_seed_decides_the_sample(source, network) -> None:
    a, b, c = (draw(source, network, 9, only_correct=True, seed=s).positions for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_everything_and_everyone(source, network) -> None:
    every = draw(source, network, None, only_correct=True)
    np.testing.assert_array_equal(every.positions, np.arange(60))
    assert every.passed_over.sum() == 20
    ten = draw(source, network, 10, only_correct=False)
    assert len(ten.positions) == len(ten.seen) == 10
    assert not ten.passed_over.any()


def test_where_too_few_are_correct_all_are_taken(source, network) -> None:
    drawn = draw(source, network, 41, only_correct=True)
    np.testing.assert_array_equal(drawn.positions, np.arange(60))
    assert (~drawn.passed_over).sum() == 40
    assert len(draw(source, network, 61, only_correct=False).positions) == 60
    with pytest.raises(InputError, match="0 images were asked for"):
        draw(source, network, 0, only_correct=True)


def test_what_was_seen_is_kept_batch_by_batch_in_the_order_of_drawing(source, network) -> None:
    drawn = draw(source, network, 5, only_correct=True, seed=3)
    seen = drawn.seen
    assert len(seen) == 16 > len(drawn.positions)
    np.testing.assert_array_equal(seen.positions, drawing_order(source, 3)[:16])
    batch = source.load(seen.positions)
    np.testing.assert_array_equal(seen.labels, batch.label)
    np.testing.assert_array_equal(seen.predicted, network.predict(batch.image))
    np.testing.assert_array_equal(seen.right, seen.positions % 3 != 0)
    z = np.asarray(network.logits(batch.image), np.float64)
    shares = np.exp(z - z.max(1, keepdims=True))
    np.testing.assert_allclose(seen.confidence, 1 / shares.sum(1), rtol=1e-5)
    assert (seen.low, seen.high, seen.classes) == (batch.image.min(), batch.image.max(), 3)


def test_looks_add_up(source, network) -> None:
    whole = look(source, network, np.arange(40))
    parts = joined([nothing_seen(), whole.part(0, 7), look(source, network, np.arange(7, 40))])
    assert len(parts) == 40
    for name in ("positions", "labels", "predicted", "prints"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    np.testing.assert_allclose(parts.confidence, whole.confidence, rtol=1e-4)
    assert len(np.unique(whole.prints)) == 40


def test_a_model_of_numbers_decides_between_no_classes(source, network) -> None:
    numbers = as_network(network.model, "regression")
    seen = look(source, numbers, [0, 1, 2])
    assert seen.classes == 0
    assert not seen.labelled.any() and not seen.right.any()
    assert np.isnan(seen.confidence).all()


@pytest.mark.parametrize(("head", "gives"), [("regression", "numbers"), (None, "a set of labels")])
def test_models_without_single_classes_are_refused(source, head, gives) -> None:
    x = keras.Input((6, 6, 3))
    last = keras.layers.Dense(2, activation=None if head else "sigmoid")
    model = keras.Model(x, last(keras.layers.Flatten()(x)))
    with pytest.raises(
        InputError, match=f"compares one label an image, but model .* gives {gives}"
    ):
        draw(source, as_network(model, head), 2, only_correct=True)


@pytest.mark.parametrize(
    ("head", "confidences"),
    [("sigmoid", [0.9526, 0.5]), ("linear", [0.9526, 0.5]), ("softmax", [0.9002, 0.5])],
)
def test_confidence_is_the_probability_of_the_class_that_is_said(head, confidences) -> None:
    x = keras.Input((1,))
    units, said = (2, None) if head == "softmax" else (1, "logits" if head == "linear" else None)
    kernel = [[0.2, -2.0]] if units == 2 else [[-3.0]]
    layer = keras.layers.Dense(units, activation=head, use_bias=False)
    net = as_network(keras.Model(x, layer(x)), said)
    layer.set_weights([np.array(kernel, np.float32)])
    found = net.confidence(net.outputs(np.array([[1.0], [0.0]], np.float32)))
    np.testing.assert_allclose(found, confidences, atol=1e-4)
