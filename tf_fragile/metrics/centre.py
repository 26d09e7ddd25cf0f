"""Where the mass of a map sits, and how far it moves, in float pixels."""

from __future__ import annotations

import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.rows import per_sample_sum


def center_of_mass(maps: tf.Tensor) -> tf.Tensor:
    """Centre of mass of each map, `sum_ij I_ij (i, j)` with I summing to 1.

    Ghorbani et al. 2019, section 2.2; kept as floats, where the authors' code truncates.
    Differentiable, with a finite gradient everywhere.

    Args:
      maps: `[B, H, W]` float, no negative entries, any sum.

    Returns:
      `[B, 2]` (row, column) in pixels, the centre of the first pixel being (0, 0), dtype of
      `maps`. NaN for an all-zero map, which has no centre.

    Raises:
      InputError: if `maps` is not `[B, H, W]`.
    """
    maps = tf.convert_to_tensor(maps)
    if maps.shape.rank != 3:
        raise InputError(
            f"A centre of mass needs maps [B, H, W], not shape {maps.shape}; "
            "reduce the channels first, and leave this metric out for data that are not images."
        )
    rows = tf.cast(tf.range(tf.shape(maps)[1]), maps.dtype)
    columns = tf.cast(tf.range(tf.shape(maps)[2]), maps.dtype)
    total = per_sample_sum(maps)
    divisor = tf.where(total > 0, total, tf.ones_like(total))
    row = per_sample_sum(maps * rows[:, tf.newaxis]) / divisor
    column = per_sample_sum(maps * columns) / divisor
    centre = tf.stack([row, column], axis=1)
    return tf.where(total[:, tf.newaxis] > 0, centre, tf.constant(float("nan"), maps.dtype))


def center_shift(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Distance between the centres of mass of two maps (Ghorbani et al. 2019, appendix).

    Args:
      a: `[B, H, W]` float maps, no negative entries.
      b: maps of the same shape.

    Returns:
      `[B]` in pixels, dtype of `a`; NaN where either map is all zero. The gradient at equal
      centres is 0, not NaN.

    Raises:
      InputError: if a batch is not `[B, H, W]`.
    """
    difference = center_of_mass(a) - center_of_mass(b)
    # A NaN has to leave before the square root: its gradient would reach the other map.
    defined = tf.reduce_all(tf.math.is_finite(difference), axis=1)
    difference = tf.where(defined[:, tf.newaxis], difference, tf.zeros_like(difference))
    squared = tf.reduce_sum(tf.square(difference), axis=1)
    moved = squared > 0
    distance = tf.where(moved, tf.sqrt(tf.where(moved, squared, tf.ones_like(squared))), squared)
    return tf.where(defined, distance, tf.constant(float("nan"), distance.dtype))
