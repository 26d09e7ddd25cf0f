from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.similarity import (
    above_chance,
    chance_top_k,
    top_k_intersection,
    top_k_mask,
)

RNG = np.random.default_rng(1)


def slow_mask(maps: np.ndarray, k: int) -> np.ndarray:
    """Sorts by (-value, index) in plain Python."""
    masks = np.zeros(maps.shape, bool)
    for values, mask in zip(maps, masks, strict=True):
        order = sorted(range(values.size), key=lambda i: (-values.flat[i], i))
        mask.flat[order[:k]] = True
    return masks


@pytest.mark.parametrize("jit", [None, False, True])
@pytest.mark.parametrize("k", [1, 5, 17, 30])
def test_ties_go_to_the_lower_flat_index_in_every_mode(k: int, jit: bool | None) -> None:
    maps = RNG.integers(-2, 3, size=(4, 5, 6)).astype(np.float32)
    maps[maps == 0] *= RNG.choice([-1.0, 1.0], size=int(np.sum(maps == 0)))
    call = top_k_mask if jit is None else tf.function(top_k_mask, jit_compile=jit)
    mask = call(tf.constant(maps), k).numpy()
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, slow_mask(maps, k))


def test_exactly_k_are_marked_on_a_constant_map() -> None:
    mask = top_k_mask(np.zeros((2, 4, 4)), 6).numpy()
    np.testing.assert_array_equal(mask.reshape(2, 16), [[True] * 6 + [False] * 10] * 2)


def test_intersection_counts_the_shared_positions() -> None:
    a = np.array([[4.0, 3.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0]])
    b = np.array([[4.0, 3.0, 2.0, 1.0], [9.0, 0.0, 8.0, 7.0], [1.0, 2.0, 3.0, 4.0]])
    np.testing.assert_allclose(top_k_intersection(a, b, 2), [1.0, 0.5, 0.0])


def test_unrelated_maps_overlap_at_chance() -> None:
    a, b = RNG.normal(size=(2, 64, 32, 32))
    overlap = float(tf.reduce_mean(top_k_intersection(a, b, 100)))
    chance = chance_top_k(32 * 32, 100)
    assert chance == pytest.approx(0.0977, abs=1e-4)
    assert overlap == pytest.approx(chance, abs=0.015)
    assert above_chance(overlap, 32 * 32, 100) == pytest.approx(0.0, abs=0.015)
    assert above_chance(1.0, 32 * 32, 100) == 1.0


def test_chance_correction_of_an_array_is_that_of_its_numbers() -> None:
    overlap = np.array([[0.0, 0.25], [1.0, np.nan]])
    np.testing.assert_allclose(above_chance(overlap, 40, 10), [[-1 / 3, 0.0], [1.0, np.nan]])


@pytest.mark.parametrize("k", [0, -1, 21])
def test_a_k_that_does_not_fit_the_map_is_refused(k: int) -> None:
    with pytest.raises(InputError, match=rf"k={k} does not fit a map of 4 x 5 = 20 entries"):
        top_k_mask(np.zeros((1, 4, 5)), k)
    with pytest.raises(InputError, match=rf"k={k} does not fit.*choose k from 1 to 20"):
        chance_top_k(20, k)


def test_a_map_of_unknown_size_is_refused_when_traced() -> None:
    traced = tf.function(lambda m: top_k_mask(m, 3), autograph=False)
    spec = tf.TensorSpec([None, None, 4], tf.float32)
    with pytest.raises(InputError, match="need a known map size"):
        traced.get_concrete_function(spec)


def test_chance_correction_needs_room_above_chance() -> None:
    with pytest.raises(InputError, match="every overlap is 1"):
        above_chance(1.0, 20, 20)


def test_the_overlap_of_a_map_with_nan_is_undefined() -> None:
    a, b = RNG.normal(size=(2, 2, 4, 4)).astype(np.float32)
    b[0, 1, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(top_k_intersection(a, b, 3)), [True, False])
    np.testing.assert_array_equal(np.isnan(top_k_intersection(b, a, 3)), [True, False])
