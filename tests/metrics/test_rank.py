from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tf_fragile.metrics.similarity import average_ranks, spearman

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("jit", [None, False, True])
def test_agrees_with_scipy_with_and_without_ties(dtype: type, jit: bool | None) -> None:
    smooth = RNG.normal(size=(2, 3, 9, 8))
    tied = RNG.integers(0, 4, size=(2, 3, 9, 8)) - 1.0
    a, b = np.concatenate([smooth, tied], axis=1).astype(dtype)
    call = spearman if jit is None else tf.function(spearman, jit_compile=jit)
    got = call(tf.constant(a), tf.constant(b))
    assert got.dtype == dtype
    expected = [stats.spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_ranks_average_over_ties() -> None:
    values = np.array([[3.0, 1.0, 3.0, -0.0, 0.0], [5.0, 4.0, 3.0, 2.0, 1.0]])
    np.testing.assert_array_equal(
        average_ranks(tf.constant(values)), [stats.rankdata(row) for row in values]
    )


def test_is_one_for_a_monotone_change_and_minus_one_for_its_reverse() -> None:
    a = RNG.normal(size=(1, 6, 6))
    np.testing.assert_allclose(spearman(a, np.exp(a)), 1.0)
    np.testing.assert_allclose(spearman(a, -a), -1.0)


def test_a_large_map_keeps_full_precision() -> None:
    a, b = RNG.normal(size=(2, 1, 227, 227)).astype(np.float32)
    b = a + b
    expected = stats.spearmanr(a.ravel(), b.ravel()).statistic
    np.testing.assert_allclose(spearman(a, b), expected, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_map_and_a_map_with_nan_have_no_correlation(dtype: type) -> None:
    a = RNG.normal(size=(3, 4, 4)).astype(dtype)
    b = a.copy()
    b[0] = 0.25
    b[1, 2, 2] = np.nan
    np.testing.assert_array_equal(np.isnan(spearman(a, b)), [True, True, False])
    np.testing.assert_array_equal(np.isnan(spearman(b, a)), [True, True, False])
