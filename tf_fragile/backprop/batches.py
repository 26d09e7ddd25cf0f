"""Samples in batches of one size: for models that take no other, and for numbers that agree.

TensorFlow's convolutions and products round differently for batches of different sizes; a sign of
a gradient near zero then flips, and an attack goes another way. In a batch of a given size a row's
result is the same at any place and in any company; sums along rows are not, see `metrics/rows.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def in_batches(function: Callable[[Any], Any], size: int | None, tensors: Any) -> Any:
    """`function(tensors)`, computed `size` samples at a time where there is such a size.

    Args:
      function: maps a nest of tensors [size, ...] to a nest of tensors [size, ...].
      size: the one that is taken, `None` for any.
      tensors: the nest, [B, ...] each.

    Returns:
      The nest of results, [B, ...] each; the last batch is filled up with its last sample.
    """
    total = tf.nest.flatten(tensors)[0].shape[0]
    # A batch of just that size goes through as it is, its structure whatever it be.
    return (
        function(tensors)
        if size is None or total in (size, None)
        else in_chunks(function, size, tensors)
    )


def in_chunks(function: Callable[[Any], Any], rows: int, tensors: Any, *, fill: bool = True) -> Any:
    """`function(tensors)` computed `rows` rows at a time.

    Args:
      function: maps a nest of tensors [rows, ...] to a nest of tensors [rows, ...].
      rows: the size of a chunk.
      tensors: the nest, [N, ...] each.
      fill: whether the last chunk is filled up; it is smaller otherwise.

    Returns:
      The nest of results, [N, ...] each.
    """
    total = tf.nest.flatten(tensors)[0].shape[0]
    parts = [
        first_rows(function(chunk(tensors, begin, rows, fill)), min(rows, total - begin))
        for begin in range(0, total, rows)
    ]
    return tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 0), *parts)


def chunk(tensors: Any, begin: int, rows: int, fill: bool = True) -> Any:
    """Rows `begin` to `begin + rows`; with `fill` the last is repeated where there are fewer."""

    def cut(tensor: tf.Tensor) -> tf.Tensor:
        part = tensor[begin : begin + rows]
        missing = rows - part.shape[0] if fill else 0
        return part if not missing else tf.concat([part, tf.repeat(part[-1:], missing, 0)], 0)

    return tf.nest.map_structure(cut, tensors)


def first_rows(tensors: Any, count: int) -> Any:
    """The first `count` rows of everything."""
    return tf.nest.map_structure(lambda tensor: tensor[:count], tensors)
