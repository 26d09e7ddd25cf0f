"""Keeping what is undefined undefined."""

from __future__ import annotations

import tensorflow as tf


def clip_keeping_nan(values: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Clips to [low, high] and leaves NaN alone.

    `tf.clip_by_value` may turn NaN into a bound, depending on type and device: an undefined
    similarity would be reported as 1, "nothing changed".
    """
    lower, upper = (tf.constant(bound, values.dtype) for bound in (low, high))
    return tf.where(values > upper, upper, tf.where(values < lower, lower, values))


def nan_where_missing(values: tf.Tensor, *maps: tf.Tensor) -> tf.Tensor:
    """Replaces the `[B]` value of each sample that has a NaN in one of its `[B, ...]` maps."""
    for each in maps:
        flat = tf.reshape(each, [tf.shape(each)[0], -1])
        missing = tf.reduce_any(tf.math.is_nan(flat), axis=1)
        values = tf.where(missing, tf.constant(float("nan"), values.dtype), values)
    return values
