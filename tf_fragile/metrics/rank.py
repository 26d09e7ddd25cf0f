"""Spearman rank correlation of two batches of maps, in TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from tf_fragile.metrics.nan import clip_keeping_nan, nan_where_missing
from tf_fragile.metrics.rows import per_sample_mean, per_sample_sum


def spearman(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Rank correlation over all entries of each pair of maps, average ranks on ties.

    Args:
      a: `[B, ...]` float maps.
      b: maps of the same shape.

    Returns:
      `[B]` in [-1, 1], dtype of `a`. NaN where a map is constant, which has no ranks, or
      holds a NaN. Computed in float64: a million ranks squared do not fit float32.
    """
    a, b = tf.convert_to_tensor(a), tf.convert_to_tensor(b)
    ranks_a, ranks_b = _centred_ranks(a), _centred_ranks(b)
    covariance = per_sample_sum(ranks_a * ranks_b)
    scale = tf.sqrt(per_sample_sum(ranks_a**2)) * tf.sqrt(per_sample_sum(ranks_b**2))
    correlation = clip_keeping_nan(covariance / scale, -1.0, 1.0)
    return nan_where_missing(tf.cast(correlation, a.dtype), a, b)


def average_ranks(flat: tf.Tensor) -> tf.Tensor:
    """Ranks from 1, equal entries sharing the mean of the ranks they span.

    Args:
      flat: `[B, N]` float without NaN.

    Returns:
      `[B, N]` float64.
    """
    batch, size = tf.shape(flat)[0], tf.shape(flat)[1]
    order = tf.argsort(flat, axis=1)
    ordered = tf.gather(flat, order, axis=1, batch_dims=1)
    starts = tf.concat([tf.ones([batch, 1], tf.bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    group = tf.cumsum(tf.cast(tf.reshape(starts, [-1]), tf.int32)) - 1
    rank = tf.tile(tf.range(1, size + 1)[tf.newaxis], [batch, 1])
    rank = tf.cast(tf.reshape(rank, [-1]), tf.float64)
    groups = batch * size
    totals = tf.math.unsorted_segment_sum(rank, group, groups)
    counts = tf.math.unsorted_segment_sum(tf.ones_like(rank), group, groups)
    shared = tf.gather(totals / tf.maximum(counts, 1.0), group)
    where = order + tf.range(batch)[:, tf.newaxis] * size
    ranks = tf.scatter_nd(tf.reshape(where, [-1, 1]), shared, [groups])
    return tf.reshape(ranks, [batch, size])


def _centred_ranks(maps: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(maps, [tf.shape(maps)[0], -1])
    ranks = average_ranks(flat)
    return ranks - per_sample_mean(ranks, keepdims=True)
