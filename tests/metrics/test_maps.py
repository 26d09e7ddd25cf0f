from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.maps import NORMALISATIONS, REDUCTIONS, normalise, reduce

RNG = np.random.default_rng(0)


def test_reductions_agree_with_numpy() -> None:
    a = RNG.normal(size=(2, 3, 4, 5))
    expected = {
        "sum_abs": np.abs(a).sum(-1),
        "abs_max": np.abs(a).max(-1),
        "positive_sum": np.maximum(a, 0).sum(-1),
        "sum": a.sum(-1),
    }
    assert set(expected) == set(REDUCTIONS)
    for name, value in expected.items():
        np.testing.assert_allclose(reduce(a, name), value, rtol=1e-12)


def test_a_table_row_keeps_its_columns() -> None:
    row = np.array([[-1.0, 2.0, 0.0]])
    np.testing.assert_array_equal(reduce(row), np.abs(row))
    np.testing.assert_array_equal(reduce(row, "sum"), row)


def test_an_attribution_without_positions_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(3,\) cannot be reduced.*\[B, \.\.\., C\]"):
        reduce(np.ones(3))


def test_an_unknown_reduction_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="Unknown reduction 'sum_bas'; did you mean sum_abs"):
        reduce(np.ones((1, 2, 2, 1)), "sum_bas")


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_unit_sum_is_non_negative_sums_to_one_and_ignores_scale(dtype: tf.DType) -> None:
    maps = reduce(tf.constant(RNG.normal(size=(3, 5, 4, 3)), dtype))
    unit = normalise(maps)
    assert unit.dtype == dtype
    assert np.all(unit >= 0)
    np.testing.assert_allclose(tf.reduce_sum(unit, axis=[1, 2]), 1.0, atol=1e-6)
    np.testing.assert_allclose(normalise(7.0 * maps), unit, rtol=1e-5)


def test_min_p99_agrees_with_numpy() -> None:
    maps = np.abs(RNG.normal(size=(3, 16, 16)))
    low = maps.min(axis=(1, 2), keepdims=True)
    high = np.percentile(maps, 99, axis=(1, 2), keepdims=True)
    expected = np.clip((maps - low) / (high - low), 0, 1)
    np.testing.assert_allclose(normalise(maps, "min_p99"), expected, rtol=1e-12)


def test_min_p99_of_a_nearly_empty_map_keeps_its_one_pixel() -> None:
    maps = np.zeros((1, 20, 20))
    maps[0, 3, 4] = 5.0
    np.testing.assert_array_equal(normalise(maps, "min_p99"), maps / 5.0)


@pytest.mark.parametrize("scale", [1.0, 1e-25])
def test_second_moment_is_one_after_normalising_even_where_squares_underflow(scale: float) -> None:
    maps = tf.constant(scale * RNG.normal(size=(2, 6, 6)), tf.float32)
    normalised = normalise(maps, "second_moment")
    np.testing.assert_allclose(tf.reduce_mean(normalised**2, axis=[1, 2]), 1.0, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(NORMALISATIONS))
def test_an_all_zero_map_stays_zero_with_a_finite_gradient(name: str) -> None:
    maps = tf.zeros([2, 4, 4])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        out = normalise(maps, name)
        loss = tf.reduce_sum(out * tf.reshape(tf.range(32.0), [2, 4, 4]))
    np.testing.assert_array_equal(out, np.zeros((2, 4, 4)))
    assert np.all(np.isfinite(tape.gradient(loss, maps)))


@pytest.mark.parametrize("name", sorted(NORMALISATIONS))
def test_gradients_agree_with_central_differences(name: str) -> None:
    maps = np.abs(RNG.normal(size=(2, 3, 3))) + 0.1
    weights = RNG.normal(size=maps.shape)
    direction = RNG.normal(size=maps.shape)

    def loss(value: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(normalise(value, name) * weights)

    x = tf.constant(maps)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    exact = np.sum(tape.gradient(value, x).numpy() * direction)
    step = 1e-6
    numeric = (loss(x + step * direction) - loss(x - step * direction)) / (2 * step)
    np.testing.assert_allclose(exact, numeric, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(NORMALISATIONS))
def test_eager_graph_and_xla_agree_and_samples_do_not_mix(name: str) -> None:
    maps = tf.constant(np.abs(RNG.normal(size=(3, 5, 5))), tf.float32)
    eager = normalise(maps, name)
    for jit in (False, True):
        traced = tf.function(lambda m: normalise(m, name), jit_compile=jit)(maps)
        np.testing.assert_allclose(traced, eager, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(normalise(maps[1:2], name), eager[1:2], rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("reduction", sorted(REDUCTIONS))
@pytest.mark.parametrize("normalisation", sorted(NORMALISATIONS))
def test_a_nan_is_never_turned_into_a_number(
    reduction: str, normalisation: str, dtype: tf.DType
) -> None:
    attribution = RNG.normal(size=(2, 9, 9, 3))
    attribution[1, 4, 4, 1] = np.nan
    maps = normalise(reduce(tf.constant(attribution, dtype), reduction), normalisation).numpy()
    assert np.all(np.isfinite(maps[0]))
    assert np.isnan(maps[1, 4, 4])
