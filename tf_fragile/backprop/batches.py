"""Models that take batches of one size, fed with any number of samples."""

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
    if size is None or total in (size, None):
        return function(tensors)
    parts = []
    for begin in range(0, total, size):
        count = min(size, total - begin)
        part = tf.nest.map_structure(lambda t: filled(t[begin : begin + size], size), tensors)  # noqa: B023
        parts.append(tf.nest.map_structure(lambda t: t[:count], function(part)))  # noqa: B023
    return tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 0), *parts)


def filled(tensor: tf.Tensor, rows: int) -> tf.Tensor:
    """`tensor` with its last row repeated until there are `rows`."""
    missing = rows - tensor.shape[0]
    return tensor if missing <= 0 else tf.concat([tensor, tf.repeat(tensor[-1:], missing, 0)], 0)
