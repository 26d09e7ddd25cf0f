"""Which k the kept and the reported overlap take, and that both take the same."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.attacks.objectives import MassCenter, SoftRank, TopK
from tf_fragile.attacks.selection import damage, reported_k
from tf_fragile.errors import InputError
from tf_fragile.metrics.similarity import top_k_intersection

RNG = np.random.default_rng(8)
CIFAR = tf.TensorShape([2, 32, 32])


def test_k_is_the_one_asked_for_then_the_objectives_then_the_default() -> None:
    assert reported_k(100, MassCenter(), CIFAR) == 100
    assert reported_k(100, TopK(k=50), CIFAR) == 100
    assert reported_k(None, TopK(k=50), CIFAR) == 50
    assert reported_k(None, SoftRank(k=60), CIFAR) == 60
    assert reported_k(None, MassCenter(), CIFAR) == 102


def test_a_k_that_does_not_fit_the_map_is_refused() -> None:
    with pytest.raises(InputError, match="k=1025 does not fit a map of 32 x 32"):
        reported_k(1025, MassCenter(), CIFAR)
    with pytest.raises(InputError, match="need a known map size"):
        reported_k(None, MassCenter(), tf.TensorShape([2, None, 32]))


@pytest.mark.parametrize("objective", [MassCenter(), TopK(k=7), SoftRank(k=7)])
def test_the_kept_overlap_has_the_k_that_is_asked_for(objective) -> None:
    maps, reference = (tf.constant(m) for m in RNG.uniform(size=(2, 3, 12, 12)))
    fixed = objective.fixed(reference)
    for k in (20, 33):
        kept = damage("intersection", objective, maps, reference, fixed, k=k)
        np.testing.assert_array_equal(kept, -top_k_intersection(reference, maps, k))
    without = damage("intersection", objective, maps, reference, fixed)
    k = reported_k(None, objective, reference.shape)
    np.testing.assert_array_equal(without, -top_k_intersection(reference, maps, k))
