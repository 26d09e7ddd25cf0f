"""Which images are looked at."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.sources import open_source
from tf_fragile.errors import InputError
from tf_fragile.probes.sampling import sample_positions


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
    positions = sample_positions(source, network, 10, only_correct=True)
    assert (positions % 3 != 0).sum() == 10
    assert (positions % 3 == 0).any()
    assert (np.diff(positions) > 0).all()


def test_a_longer_sample_contains_the_shorter_one(source, network) -> None:
    short, long = (sample_positions(source, network, n, only_correct=True, seed=4) for n in (5, 20))
    assert set(short) < set(long)


def test_seed_decides_the_sample(source, network) -> None:
    a, b, c = (sample_positions(source, network, 9, only_correct=True, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_everything_and_everyone(source, network) -> None:
    every = sample_positions(source, network, None, only_correct=True)
    np.testing.assert_array_equal(every, np.arange(60))
    assert len(sample_positions(source, network, 10, only_correct=False)) == 10


def test_too_few_correct_images_are_refused(source, network) -> None:
    with pytest.raises(InputError, match=r"Only 40 of the 60 images .* 41 were asked for"):
        sample_positions(source, network, 41, only_correct=True)
    with pytest.raises(InputError, match="give a number from 1 to 60"):
        sample_positions(source, network, 61, only_correct=True)
