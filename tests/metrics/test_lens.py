from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.similarity import (
    chance_lens,
    lens_precision,
    lens_recall,
    top_k_intersection,
)

RNG = np.random.default_rng(6)


def slow_top(values: np.ndarray, k: int) -> list[tuple[int, int]]:
    """Positions sorted by (-value, flat index)."""
    order = sorted(range(values.size), key=lambda i: (-values.flat[i], i))
    return [divmod(i, values.shape[1]) for i in order[:k]]


def slow_close(counted: np.ndarray, others: np.ndarray, k: int, window: int) -> float:
    """Share of the top k of `counted` within half a window of a top-k pixel of `others`."""
    near = slow_top(others, k)
    kept = [
        any(max(abs(i - r), abs(j - c)) <= window // 2 for r, c in near)
        for i, j in slow_top(counted, k)
    ]
    return sum(kept) / k


@pytest.mark.parametrize("jit", [None, False, True])
@pytest.mark.parametrize(("k", "window"), [(1, 3), (4, 3), (4, 5), (7, 1), (63, 3)])
def test_agrees_with_a_slow_reference_ties_included(k: int, window: int, jit: bool | None) -> None:
    smooth = RNG.normal(size=(2, 2, 7, 9))
    tied = RNG.integers(0, 3, size=(2, 3, 7, 9))
    clean, perturbed = np.concatenate([smooth, tied], axis=1).astype(np.float32)
    for metric, counted, others in (
        (lens_recall, perturbed, clean),
        (lens_precision, clean, perturbed),
    ):
        call = metric if jit is None else tf.function(metric, jit_compile=jit)
        got = call(tf.constant(clean), tf.constant(perturbed), k, window)
        assert got.dtype == tf.float32
        expected = [slow_close(a, b, k, window) for a, b in zip(counted, others, strict=True)]
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def spots(*positions: tuple[int, int], shape: tuple[int, int] = (8, 8)) -> np.ndarray:
    maps = np.zeros((1, *shape))
    for value, (row, column) in enumerate(reversed(positions), start=1):
        maps[0, row, column] = value
    return maps


def test_a_shift_by_one_pixel_is_forgiven_and_by_two_is_not() -> None:
    clean = spots((1, 5), (5, 1))
    for shift, kept in ((1, 1.0), (2, 0.0)):
        moved = np.roll(clean, (shift, shift), axis=(1, 2))
        np.testing.assert_array_equal(top_k_intersection(clean, moved, 2), [0.0])
        np.testing.assert_array_equal(lens_recall(clean, moved, 2), [kept])
        np.testing.assert_array_equal(lens_recall(clean, moved, 2, window=5), [1.0])


def test_recall_and_precision_differ_where_one_top_k_crowds_together() -> None:
    """Both perturbed pixels are beside one clean pixel; the other clean pixel has no neighbour."""
    clean, perturbed = spots((1, 1), (6, 6)), spots((1, 2), (2, 1))
    np.testing.assert_array_equal(lens_recall(clean, perturbed, 2), [1.0])
    np.testing.assert_array_equal(lens_precision(clean, perturbed, 2), [0.5])


def test_windows_do_not_reach_around_the_border() -> None:
    end, start = spots((3, 7)), spots((4, 0))
    np.testing.assert_array_equal(lens_recall(end, start, 1), [0.0])
    np.testing.assert_array_equal(lens_recall(spots((0, 0)), spots((7, 7)), 1), [0.0])


def test_everything_is_kept_where_k_is_the_whole_map() -> None:
    a, b = RNG.normal(size=(2, 3, 4, 5))
    np.testing.assert_array_equal(lens_recall(a, b, 20), np.ones(3))
    assert chance_lens(4, 5, 20) == pytest.approx(1.0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_chance_level_is_the_mean_over_all_pairs_of_top_k(k: int) -> None:
    shape, window = (3, 4), 3
    sets = [[divmod(i, shape[1]) for i in chosen] for chosen in combinations(range(12), k)]
    shares = [
        sum(any(max(abs(i - r), abs(j - c)) <= window // 2 for r, c in b) for i, j in a) / k
        for a in sets
        for b in sets
    ]
    assert chance_lens(*shape, k, window) == pytest.approx(np.mean(shares), rel=1e-12)


def test_unrelated_maps_are_at_the_chance_level() -> None:
    clean, perturbed = RNG.normal(size=(2, 128, 32, 32)).astype(np.float32)
    chance = chance_lens(32, 32, 100)
    assert chance == pytest.approx(1 - (1 - 100 / 1024) ** 9, abs=0.03)
    for metric in (lens_recall, lens_precision):
        values = metric(clean, perturbed, 100).numpy()
        error = values.std() / np.sqrt(len(values))
        assert values.mean() == pytest.approx(chance, abs=4 * error)
        assert error < 0.01


def test_a_window_of_one_is_the_plain_overlap() -> None:
    a, b = RNG.normal(size=(2, 4, 9, 9))
    np.testing.assert_allclose(lens_recall(a, b, 20, window=1), top_k_intersection(a, b, 20))
    assert chance_lens(9, 9, 20, window=1) == pytest.approx(20 / 81)


def test_the_lens_of_a_map_with_nan_is_undefined() -> None:
    a, b = RNG.normal(size=(2, 2, 4, 4)).astype(np.float32)
    b[0, 1, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(lens_recall(a, b, 3)), [True, False])
    np.testing.assert_array_equal(np.isnan(lens_precision(a, b, 3)), [True, False])


def test_what_does_not_fit_is_refused() -> None:
    maps = np.ones((1, 4, 5))
    with pytest.raises(InputError, match=r"needs maps \[B, H, W\], not shape \(2, 5\)"):
        lens_recall(np.ones((2, 5)), np.ones((2, 5)), 2)
    with pytest.raises(InputError, match="window of 4 has no middle pixel"):
        lens_recall(maps, maps, 2, window=4)
    with pytest.raises(InputError, match="window of 0 has no middle pixel"):
        chance_lens(4, 5, 2, window=0)
    with pytest.raises(InputError, match="k=21 does not fit"):
        lens_precision(maps, maps, 21)
    with pytest.raises(InputError, match="k=21 does not fit"):
        chance_lens(4, 5, 21)
