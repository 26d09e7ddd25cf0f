from __future__ import annotations

import numpy as np
import tensorflow as tf

from tf_fragile.metrics.similarity import cosine

RNG = np.random.default_rng(4)


def test_agrees_with_numpy_over_all_entries_of_a_sample() -> None:
    a, b = RNG.normal(size=(2, 3, 4, 4, 2))
    flat_a, flat_b = a.reshape(3, -1), b.reshape(3, -1)
    expected = (flat_a * flat_b).sum(1) / (
        np.linalg.norm(flat_a, axis=1) * np.linalg.norm(flat_b, axis=1)
    )
    np.testing.assert_allclose(cosine(a, b), expected, rtol=1e-12)


def test_a_tiny_attribution_does_not_underflow() -> None:
    a = RNG.normal(size=(1, 5, 5)).astype(np.float32)
    b = np.roll(a, 1, axis=2)
    np.testing.assert_allclose(cosine(a, np.float32(1e-25) * b), cosine(a, b), rtol=1e-5)


def test_an_all_zero_attribution_has_no_direction_but_a_finite_gradient() -> None:
    a = tf.constant(RNG.normal(size=(2, 3)))
    b = tf.constant([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        value = cosine(a, b)
    np.testing.assert_array_equal(np.isnan(value), [True, False])
    assert all(np.all(np.isfinite(g)) for g in tape.gradient(value, [a, b]))


def test_the_cosine_with_a_nan_is_undefined() -> None:
    a = RNG.normal(size=(2, 5)).astype(np.float32)
    b = a.copy()
    b[0, 3] = np.nan
    np.testing.assert_array_equal(np.isnan(cosine(a, b)), [True, False])
    np.testing.assert_array_equal(np.isnan(cosine(b, a)), [True, False])
