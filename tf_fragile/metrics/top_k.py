"""The top-k overlap of two maps, with one tie rule for metric, loss and picture alike."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.nan import nan_where_missing

Overlap = TypeVar("Overlap", float, np.ndarray)

LIMITS = (0.0, 1.0)
"""Between which numbers an overlap lies."""


def top_k_mask(maps: tf.Tensor, k: int) -> tf.Tensor:
    """Marks the `k` largest entries of each map; among equal ones the lower flat index wins.

    Exactly `k` entries are marked whatever the ties, and -0.0 ties with 0.0. The rule does not
    lean on the order in which a kernel returns equal values, so CPU, GPU and XLA agree.

    Args:
      maps: `[B, ...]` float without NaN; all but the batch axis must be known statically.
      k: how many entries, from 1 to the size of one map.

    Returns:
      bool, shape of `maps`.

    Raises:
      InputError: if `k` is below 1 or above the size of one map.
    """
    maps = tf.convert_to_tensor(maps)
    check_k(maps.shape, k)
    flat = tf.reshape(maps, [tf.shape(maps)[0], -1])
    threshold = tf.math.top_k(flat, k).values[:, -1:]
    above = flat > threshold
    tied = flat == threshold
    room = k - tf.math.count_nonzero(above, axis=1, keepdims=True, dtype=tf.int32)
    admitted = tf.logical_and(tied, tf.cumsum(tf.cast(tied, tf.int32), axis=1) <= room)
    return tf.reshape(tf.logical_or(above, admitted), tf.shape(maps))


def top_k_intersection(a: tf.Tensor, b: tf.Tensor, k: int) -> tf.Tensor:
    """Share of the `k` largest entries of one map that are among the `k` largest of the other.

    `|T_k(a) n T_k(b)| / k` (Ghorbani et al. 2019, section 2.2). Not differentiable.

    Args:
      a: `[B, ...]` float maps.
      b: maps of the same shape.
      k: how many entries; `chance_top_k` is the value of two unrelated maps.

    Returns:
      `[B]` in [0, 1], dtype of `a`; NaN where a map holds a NaN.

    Raises:
      InputError: if `k` is below 1 or above the size of one map.
    """
    a, b = tf.convert_to_tensor(a), tf.convert_to_tensor(b)
    both = tf.logical_and(top_k_mask(a, k), top_k_mask(b, k))
    axes = list(range(1, a.shape.rank))
    share = tf.reduce_sum(tf.cast(both, a.dtype), axis=axes) / tf.cast(k, a.dtype)
    return nan_where_missing(share, a, b)


def chance_top_k(size: int, k: int) -> float:
    """Expected top-k intersection of two unrelated maps of `size` entries: `k / size`.

    Raises:
      InputError: if `k` is below 1 or above `size`.
    """
    _check_range(size, k, f"a map of {size} entries")
    return k / size


def default_k(size: int) -> int:
    """The k to use where none is asked for: a tenth of the map, at most 1000, at least 1.

    1000 for ImageNet and about 100 for CIFAR-10, as in Ghorbani et al. 2019.
    """
    return min(1000, max(1, size // 10))


def above_chance(overlap: Overlap, size: int, k: int) -> Overlap:
    """The overlap rescaled so that chance is 0 and identity is 1: `(o - k/d) / (1 - k/d)`.

    Args:
      overlap: top-k intersections in [0, 1], a number or an array; NaN stays NaN.
      size: entries d of a map.
      k: of the intersection.

    Returns:
      At most 1, and below 0 for maps that avoid each other's top k, as attacked ones do.

    Raises:
      InputError: if `k` is not below `size`, where every overlap is 1 by construction.
    """
    chance = chance_top_k(size, k)
    if chance == 1.0:
        raise InputError(
            f"With k={k} on a map of {size} entries every overlap is 1; choose a smaller k."
        )
    return (overlap - chance) / (1.0 - chance)


def check_k(shape: tf.TensorShape, k: int) -> None:
    """Raises `InputError` unless a map batch of `shape` has at least `k` entries a map."""
    size = shape[1:].num_elements()
    if size is None:
        raise InputError(
            f"The top k={k} entries of maps of shape {shape} need a known map size; "
            "give the model a fixed input size."
        )
    sides = " x ".join(str(side) for side in shape[1:])
    _check_range(size, k, f"a map of {sides} = {size} entries" if shape.rank > 2 else sides)


def _check_range(size: int, k: int, what: str) -> None:
    if not 1 <= k <= size:
        raise InputError(f"k={k} does not fit {what}; choose k from 1 to {size}.")
