"""Objectives that push the most important positions of the clean map out of the top k."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from tf_fragile.attacks.objectives.objective import RULES
from tf_fragile.metrics.rows import as_rows, per_sample_sum
from tf_fragile.metrics.similarity import check_k, top_k_mask
from tf_fragile.settings import WHOLE, check, setting

_SMALLEST_THRESHOLD = 0.01


@dataclass(frozen=True)
class TopK:
    """Empties the k most important positions of the clean map: `-sum_{i in B} I_i`.

    Source: Ghorbani et al. 2019, section 3, "top-k attack".

    Attributes:
      k: how many positions; 1000 for ImageNet and 100 for CIFAR-10 in the paper.
    """

    k: int = setting(1000, low=1, high=WHOLE)
    select: str = setting("intersection", choices=RULES, named="selection rule")
    stationary_start: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(self)

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` where k is larger than the map."""
        check_k(maps, self.k)

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """Mask of the k largest entries of the clean map."""
        return tf.cast(top_k_mask(reference, self.k), reference.dtype)

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """Minus the map's mass on the clean top k."""
        return -per_sample_sum(maps * fixed)


@dataclass(frozen=True)
class SoftRank:
    """Counts, softly, the clean top k still in the top k: `-sum_{i in B} sigmoid((I_i - t) / T)`.

    The threshold t is half way between the k-th and the (k+1)-th largest entry of the current map
    and is held constant in the derivative, so positions near the edge of the top k are pushed
    most. The top-k attack pushes all alike, the many that cannot leave included.

    The temperature is `T = temperature * t`. Where t is below a hundredth of the map's mean (fewer
    than k positions carry weight) that hundredth takes its place in T, which keeps the value and
    its gradient finite.

    Attributes:
      k: how many positions; 1000 for ImageNet and 100 for CIFAR-10 in the paper.
      temperature: as a share of the threshold.
    """

    k: int = setting(1000, low=1, high=WHOLE)
    temperature: float = setting(0.25, low=1e-6, high=1e6)
    select: str = setting("intersection", choices=RULES, named="selection rule")
    stationary_start: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(self)

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` where k is larger than the map."""
        check_k(maps, self.k)

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """Mask of the k largest entries of the clean map."""
        return tf.cast(top_k_mask(reference, self.k), reference.dtype)

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """Minus the soft count of the clean top k among the map's top k."""
        size = maps.shape[1:].num_elements()
        flat = as_rows(maps)
        largest = tf.math.top_k(tf.stop_gradient(flat), min(self.k + 1, size)).values
        threshold = tf.reduce_mean(largest[:, self.k - 1 :], axis=1, keepdims=True)
        # The maps sum to 1, so their mean is 1 / size.
        scale = self.temperature * tf.maximum(threshold, _SMALLEST_THRESHOLD / size)
        inside = tf.sigmoid((flat - threshold) / scale)
        return -tf.reduce_sum(inside * as_rows(fixed), axis=1)
