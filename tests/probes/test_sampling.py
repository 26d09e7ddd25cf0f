"""Which images are looked at."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.sources import open_source
from tf_fragile.errors import InputError
from tf_fragile.probes.sampling import draw


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
    wrong = drawn.positions % 3 == 0
    assert (~wrong).sum() == 10
    assert wrong.any()
    assert (np.diff(drawn.positions) > 0).all()
    np.testing.assert_array_equal(drawn.passed_over, wrong)
    np.testing.assert_array_equal(drawn.label, source.load(drawn.positions).label)


def test_a_longer_sample_contains_the_shorter_one(source, network) -> None:
    short, long = (draw(source, network, n, only_correct=True, seed=4) for n in (5, 20))
    assert set(short.positions) < set(long.positions)


def test_seed_decides_the_sample(source, network) -> None:
    a, b, c = (draw(source, network, 9, only_correct=True, seed=s).positions for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_everything_and_everyone(source, network) -> None:
    every = draw(source, network, None, only_correct=True)
    np.testing.assert_array_equal(every.positions, np.arange(60))
    assert every.passed_over.sum() == 20
    some = draw(source, network, 10, only_correct=False)
    assert len(some.positions) == 10
    assert not some.passed_over.any()


def test_fewer_than_asked_for_are_taken_as_they_are(source, network) -> None:
    for asked, only_correct in [(41, True), (61, True), (61, False)]:
        drawn = draw(source, network, asked, only_correct=only_correct)
        np.testing.assert_array_equal(drawn.positions, np.arange(60))
        assert (~drawn.passed_over).sum() == (40 if only_correct else 60)


def test_no_image_to_attack_is_refused(source, network) -> None:
    right = network.predict(source.load(np.arange(60)).image).numpy()
    wrong = replace(source, read=lambda i: replace(source.read(i), label=int((right[i] + 1) % 3)))
    for num in (1, None):
        with pytest.raises(InputError, match=r"None of the 60 images .* is classified"):
            draw(wrong, network, num, only_correct=True)
    assert len(draw(wrong, network, 4, only_correct=False).positions) == 4
    with pytest.raises(InputError, match="0 images were asked for"):
        draw(source, network, 0, only_correct=True)


@pytest.mark.parametrize(("head", "gives"), [("regression", "numbers"), (None, "a set of labels")])
def test_models_without_single_classes_are_refused(source, head, gives) -> None:
    x = keras.Input((6, 6, 3))
    last = keras.layers.Dense(2, activation=None if head else "sigmoid")
    model = keras.Model(x, last(keras.layers.Flatten()(x)))
    with pytest.raises(
        InputError, match=f"compares one label an image, but model .* gives {gives}"
    ):
        draw(source, as_network(model, head), 2, only_correct=True)
