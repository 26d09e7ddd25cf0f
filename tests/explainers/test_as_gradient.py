"""The map as a gradient: right in the second order, where overrides of single layers are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff

L = keras.layers
RNG = np.random.default_rng(4)
X, WEIGHT, DIRECTION = (RNG.standard_normal((2, 8, 8, 2)) for _ in range(3))


def four_layers() -> keras.Model:
    """Smooth, so that the gradient itself has a derivative everywhere."""
    convs = [L.Conv2D(4, 3, activation="softplus", dtype="float64") for _ in range(3)]
    top = [L.Flatten(dtype="float64"), L.Dense(3, dtype="float64")]
    return keras.Sequential([keras.Input((8, 8, 2), dtype="float64"), *convs, *top])


def overridden(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Guided backprop the naive way: a custom gradient at each activation."""

    @tf.custom_gradient
    def guided(z: tf.Tensor) -> Any:
        return tf.nn.softplus(z), lambda upstream: tf.nn.relu(upstream) * tf.sigmoid(z)

    def score(x: tf.Tensor) -> tf.Tensor:
        for layer in model.layers[:-2]:
            x = guided(tf.nn.conv2d(x, layer.kernel, 1, "VALID") + layer.bias)
        return model.layers[-1](model.layers[-2](x))[:, 1]

    return score


def gradient_of(score: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = score(x)
    return tape.gradient(value, x)


def second_order_error(score: Callable[[tf.Tensor], tf.Tensor]) -> float:
    """Relative error of the gradient's derivative by two tapes, against central differences."""
    x, direction = tf.constant(X), tf.constant(DIRECTION)

    def read(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(WEIGHT * gradient_of(score, x))

    slope = float(tf.reduce_sum(gradient_of(read, x) * direction))
    h = 1e-5
    difference = float(read(x + h * direction) - read(x - h * direction)) / (2 * h)
    return abs(slope - difference) / abs(difference)


def test_overriding_single_layers_is_wrong_in_the_second_order_and_the_walk_is_right() -> None:
    model = four_layers()
    explainer = tff.explain("guided_backprop", model, head="one")
    ours, naive = explainer.as_gradient(target=1), overridden(model)
    x = tf.constant(X)
    np.testing.assert_allclose(gradient_of(ours, x), gradient_of(naive, x), rtol=1e-9)
    assert second_order_error(naive) > 1e-2
    assert second_order_error(ours) < 1e-7


@pytest.mark.parametrize("compiled", [False, True])
def test_gradient_of_the_score_is_the_map(compiled: bool) -> None:
    explainer = tff.explain("lrp_epsilon_plus", four_layers())
    score = explainer.as_gradient(target=[2, 0])
    x = tf.constant(X)
    np.testing.assert_allclose(score(x), explainer.network.score(x, tf.constant([2, 0])))
    read = tf.function(lambda x: gradient_of(score, x)) if compiled else None
    maps = read(x) if read is not None else gradient_of(score, x)
    np.testing.assert_allclose(maps, explainer(X, target=[2, 0]), rtol=1e-9, atol=1e-12)


def test_upstream_weights_each_sample() -> None:
    explainer = tff.explain("lrp_zplus", four_layers())
    score = explainer.as_gradient(target=1)
    maps = gradient_of(lambda x: score(x) * tf.constant([2.0, -3.0], tf.float64), tf.constant(X))
    plain = explainer(X, target=1)
    np.testing.assert_allclose(maps[0], 2 * plain[0], rtol=1e-12)
    np.testing.assert_allclose(maps[1], -3 * plain[1], rtol=1e-12)
