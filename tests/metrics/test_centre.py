from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tf_fragile.errors import InputError
from tf_fragile.metrics.similarity import center_of_mass, center_shift

RNG = np.random.default_rng(3)


def test_agrees_with_scipy_row_first_on_a_map_that_is_not_square() -> None:
    maps = RNG.uniform(size=(3, 7, 12))
    expected = [ndimage.center_of_mass(m) for m in maps]
    np.testing.assert_allclose(center_of_mass(maps), expected, rtol=1e-12)


def test_a_moved_spot_shifts_the_centre_by_its_distance() -> None:
    before, after = np.zeros((2, 1, 10, 20), np.float32)
    before[0, 2, 3], after[0, 5, 7] = 0.1, 40.0
    np.testing.assert_allclose(center_shift(before, after), [5.0])


def test_an_all_zero_map_has_no_centre() -> None:
    maps = np.ones((2, 4, 4))
    maps[1] = 0
    np.testing.assert_array_equal(np.isnan(center_shift(maps, np.ones((2, 4, 4)))), [False, True])


def test_the_gradient_is_finite_at_equal_centres_and_beside_an_empty_map() -> None:
    reference = tf.constant(np.stack([np.ones((4, 4)), np.zeros((4, 4)), np.eye(4)]))
    maps = tf.ones([3, 4, 4], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        shift = center_shift(reference, maps)
    assert np.all(np.isfinite(tape.gradient(shift, maps)))


def test_the_gradient_of_the_shift_agrees_with_central_differences() -> None:
    a, b, direction = (tf.constant(RNG.uniform(size=(1, 5, 6))) for _ in range(3))
    with tf.GradientTape() as tape:
        tape.watch(b)
        shift = center_shift(a, b)
    exact = tf.reduce_sum(tape.gradient(shift, b) * direction)
    step = 1e-6
    numeric = (center_shift(a, b + step * direction) - center_shift(a, b - step * direction)) / (
        2 * step
    )
    np.testing.assert_allclose(exact, numeric[0], rtol=1e-6)


def test_a_table_row_has_no_centre_of_mass() -> None:
    with pytest.raises(InputError, match=r"needs maps \[B, H, W\], not shape \(2, 5\)"):
        center_of_mass(np.ones((2, 5)))
