"""A sample as a row whose sums round alike wherever in a batch the sample is.

TensorFlow splits a sum along rows at multiples of its vector width in the whole tensor, not in the
row, and computes what is left over at a tensor's end by other instructions. A row of, say, 227 x
227 numbers is then rounded according to its place, and an attack that follows signs of derivatives
ends up elsewhere. Rows filled up with zeros to a multiple of 64 numbers all begin alike.
"""

from __future__ import annotations

import tensorflow as tf

_WIDTH = 64


def as_rows(x: tf.Tensor) -> tf.Tensor:
    """`x` [B, ...] as [B, D], zeros behind each sample's own numbers."""
    size = x.shape[1:].num_elements()
    if size is None:
        size = tf.reduce_prod(tf.shape(x)[1:])
    return tf.pad(tf.reshape(x, [-1, size]), [[0, 0], [0, -size % _WIDTH]])


def from_rows(rows: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """What `as_rows` made rows of, in the shape of `like`."""
    size = tf.reduce_prod(tf.shape(like)[1:])
    return tf.ensure_shape(tf.reshape(rows[:, :size], tf.shape(like)), like.shape)


def per_sample_sum(x: tf.Tensor, keepdims: bool = False) -> tf.Tensor:
    """Sum over everything but the batch, [B] or [B, 1, ...]."""
    total = tf.reduce_sum(as_rows(x), axis=1)
    return tf.reshape(total, [-1, *[1] * (x.shape.rank - 1)]) if keepdims else total


def per_sample_mean(x: tf.Tensor, keepdims: bool = False) -> tf.Tensor:
    """Mean over everything but the batch, [B] or [B, 1, ...]."""
    count = tf.cast(tf.reduce_prod(tf.shape(x)[1:]), x.dtype)
    return per_sample_sum(x, keepdims) / count
