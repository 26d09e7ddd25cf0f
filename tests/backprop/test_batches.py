"""Chunks of one size: what comes in goes out, and every call sees the same number of rows."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.batches import in_chunks


@pytest.mark.parametrize("total", [1, 3, 4, 9])
def test_rows_go_through_in_chunks_of_one_size_and_come_back_in_order(total: int) -> None:
    seen = []

    def double(given):
        x, (y,) = given
        seen.append(x.shape[0])
        return {"x": 2 * x, "y": (y + 1,)}

    x, y = tf.range(total), tf.random.stateless_normal([total, 2], [1, 2])
    result = in_chunks(double, 4, (x, (y,)))
    np.testing.assert_array_equal(result["x"], 2 * np.arange(total))
    np.testing.assert_array_equal(result["y"][0], y + 1)
    assert seen == [4] * -(-total // 4)


@pytest.mark.parametrize("optimizer", ["annealed_momentum", "sign"])
def test_the_same_images_come_out_of_any_batch_of_a_larger_convnet(optimizer: str) -> None:
    """SqueezeNet rounds by the size of the batch: a sign in a million flips without full chunks."""
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((48, 48, 3))
    h = keras.layers.Conv2D(32, 5, strides=2, activation="relu")(x)
    h = keras.layers.Conv2D(64, 3, activation="relu")(h)
    h = keras.layers.Conv2D(64, 1, activation="relu")(keras.layers.MaxPooling2D(3, 2)(h))
    model = keras.Model(x, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(h)))
    images = np.random.default_rng(0).uniform(0, 255, (5, 48, 48, 3)).astype("float32")
    explainer = tff.explain("gradient", model)
    attack = tff.attack("top_k", k=200, optimizer=optimizer, steps=5, rows=4, fixed_chunks=True)

    def run(part: slice) -> np.ndarray:
        seeds = list(range(5))[part]
        result = attack(explainer, images[part], epsilon=4, bounds=(0, 255), seed=seeds)
        return result.perturbed[0]

    whole = run(slice(0, 5))
    parts = np.concatenate([run(slice(0, 1)), run(slice(1, 3)), run(slice(3, 5))])
    np.testing.assert_array_equal(parts, whole)
