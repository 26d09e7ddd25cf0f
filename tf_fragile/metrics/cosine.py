"""Cosine similarity of two attributions, signs and channels included."""

from __future__ import annotations

import tensorflow as tf

from tf_fragile.metrics.nan import clip_keeping_nan
from tf_fragile.metrics.rows import as_rows, per_sample_sum


def cosine(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Cosine of the angle between each pair, over all entries of a sample.

    Args:
      a: `[B, ...]` float.
      b: the same shape.

    Returns:
      `[B]` in [-1, 1], dtype of `a`; NaN where either is all zero or holds a NaN.
      Differentiable, with a finite gradient.
    """
    unit_a, unit_b = _unit_or_zero(tf.convert_to_tensor(a)), _unit_or_zero(tf.convert_to_tensor(b))
    value = clip_keeping_nan(per_sample_sum(unit_a * unit_b), -1.0, 1.0)
    defined = tf.logical_and(tf.reduce_any(unit_a != 0, axis=1), tf.reduce_any(unit_b != 0, axis=1))
    return tf.where(defined, value, tf.constant(float("nan"), value.dtype))


def _unit_or_zero(values: tf.Tensor) -> tf.Tensor:
    flat = as_rows(values)
    # The cosine is scale-invariant, so dividing by a constant first leaves value and gradient
    # alone and keeps the squares of tiny attributions from underflowing.
    size = tf.stop_gradient(tf.reduce_max(tf.abs(flat), axis=1, keepdims=True))
    present = size > 0
    scaled = flat / tf.where(present, size, tf.ones_like(size))
    squared = tf.reduce_sum(tf.square(scaled), axis=1, keepdims=True)
    return scaled / tf.sqrt(tf.where(present, squared, tf.ones_like(squared)))
