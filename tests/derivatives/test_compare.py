"""Wrong derivatives are told from kinks, rounding and flatness, sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import tensorflow as tf

from tf_fragile.derivatives.compare import (
    FLOAT32,
    FLOAT64,
    OPEN,
    RIGHT,
    WRONG,
    compare,
    derivatives_of,
)

X = tf.constant([[0.3, -0.8, 1.1], [0.9, 0.2, -0.4]], tf.float64)
V = tf.constant([[1.0, 0.5, -0.7], [-0.6, 1.2, 0.4]], tf.float64)


def wave(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.sin(x) * x, 1) + tf.reduce_prod(x, 1)


def spoiled(change: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor = X, v: tf.Tensor = V):
    right = derivatives_of(wave)
    return compare(
        replace(right, curvature=lambda x, v: change(right.curvature(x, v))), x, v, FLOAT64
    )


def test_right_derivatives() -> None:
    found = compare(derivatives_of(wave), X, V, FLOAT64)
    assert found.first.tolist() == found.second.tolist() == [RIGHT, RIGHT]
    assert found.second_error.max() < 1e-7
    assert found.curved.all()
    assert found.finite.all()
    assert not found.zero.any()


def test_float32_is_told_right_too() -> None:
    x, v = tf.cast(X, tf.float32), tf.cast(V, tf.float32)
    found = compare(derivatives_of(wave), x, v, FLOAT32)
    assert found.first.tolist() == found.second.tolist() == [RIGHT, RIGHT]


def test_an_error_is_measured_and_only_beyond_the_tolerance_wrong() -> None:
    found = spoiled(lambda h: 0.99 * h)
    assert found.second.tolist() == [WRONG, WRONG]
    np.testing.assert_allclose(found.second_error, 0.01, rtol=1e-3)
    assert spoiled(lambda h: (1 - 1e-5) * h).second.tolist() == [RIGHT, RIGHT]
    assert spoiled(lambda h: 0 * h).second_error.tolist() == [1.0, 1.0]


def test_samples_are_judged_one_by_one() -> None:
    found = spoiled(lambda h: h * tf.constant([[1.0], [1.1]], tf.float64))
    assert found.second.tolist() == [RIGHT, WRONG]


def test_an_error_that_cancels_along_the_direction_is_seen() -> None:
    across = tf.linalg.cross(V, X)  # no part along v, so v·Hv stays right
    assert spoiled(lambda h: h + across).second.tolist() == [WRONG, WRONG]


def test_a_wrong_gradient_is_seen() -> None:
    @tf.custom_gradient
    def masked(x: tf.Tensor):
        return x**3, lambda upstream: upstream * x**2

    found = compare(derivatives_of(lambda x: tf.reduce_sum(masked(x), 1)), X, V, FLOAT64)
    assert found.first.tolist() == [WRONG, WRONG]


def test_a_kink_at_the_input_is_left_open() -> None:
    at = X * tf.constant([[0.0], [1.0]], tf.float64)
    found = compare(derivatives_of(lambda x: tf.reduce_sum(tf.abs(x) + x**2, 1)), at, V, FLOAT64)
    assert found.second.tolist() == [OPEN, RIGHT]


def test_a_kink_near_the_input_is_stepped_under() -> None:
    def score(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.nn.relu(x - X - 3e-6) + x**3, 1)

    found = compare(derivatives_of(score), X, V, FLOAT64)
    assert found.second.tolist() == [RIGHT, RIGHT]


def test_a_linear_score_is_flat_and_right() -> None:
    found = compare(derivatives_of(lambda x: tf.reduce_sum(3 * x, 1)), X, V, FLOAT64)
    assert found.second.tolist() == [RIGHT, RIGHT]
    assert not found.curved.any()


def test_zero_and_non_finite_gradients_are_noted() -> None:
    factor = tf.constant([0.0, np.nan], tf.float64)
    found = compare(derivatives_of(lambda x: factor * wave(x)), X, V, FLOAT64)
    assert found.zero.tolist() == [True, False]
    assert found.finite.tolist() == [True, False]
