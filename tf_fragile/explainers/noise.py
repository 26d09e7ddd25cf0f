"""Stateless randomness per sample: the same numbers however a data set is cut into batches.

Random *integers* agree between op-by-op execution, `tf.function` and XLA; TensorFlow's random
floats do not. So everything here is made from integer bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError, shown
from tf_fragile.metrics.rows import as_rows, from_rows


def sample_seeds(seed: Any, batch: Any) -> tf.Tensor:
    """One seed pair [B, 2] (int32) for each sample.

    Args:
      seed: an int, folded with the position in the batch; or [B] ints, one for each sample, which
        a loop over a data set derives from the sample's index; or [B, 2] pairs, returned as they
        are.
      batch: the number of samples, static or dynamic.

    Raises:
      InputError: `seed` has another shape, or is not of whole numbers of 32 bits.
    """
    seed = whole_numbers(seed, "seed", "give an int or one int for each sample")
    rank, count = seed.shape.rank, tf.get_static_value(batch)
    if rank not in (0, 1) and not (rank == 2 and seed.shape[1] == 2):
        raise InputError(
            f"seed has shape {tuple(seed.shape)}; give an int or one int for each sample."
        )
    if rank == 0:
        return tf.stack([tf.fill([batch], seed), tf.range(batch)], axis=1)
    if count is not None and seed.shape[0] not in (None, count):
        raise InputError(f"{seed.shape[0]} seeds for {count} samples; give as many, or one int.")
    return seed if rank == 2 else tf.stack([seed, tf.fill(tf.shape(seed), -1)], axis=1)


def whole_numbers(value: Any, name: str, remedy: str) -> tf.Tensor:
    """`value` as int32, which it has to be to the number.

    Args:
      value: an int, an array or a tensor of them.
      name: what people call it.
      remedy: what to give, for messages.

    Raises:
      InputError: not of whole numbers, or one that 32 bits don't hold.
    """
    refusal = InputError(f"{name} is {shown(value)}; {remedy}.")
    try:
        tensor = value if tf.is_tensor(value) else tf.convert_to_tensor(_array(value))
    except Exception:  # whatever NumPy and TensorFlow say of what is no array of numbers
        raise refusal from None
    if not tensor.dtype.is_integer:
        raise refusal
    if hasattr(tensor, "numpy"):
        numbers = tensor.numpy()
        if numbers.size and not (-(2**31) <= int(numbers.min()) <= int(numbers.max()) < 2**31):
            raise InputError(f"{name} is {shown(value)}, which 32 bits don't hold; {remedy}.")
    return tf.cast(tensor, tf.int32)


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.int32) if array.size == 0 else array


def bits(seeds: tf.Tensor, draw: Any, shape: Any) -> tf.Tensor:
    """Uniform int32 [B, *shape], sample b a function of `seeds[b]` and `draw` alone."""

    def one(seed: tf.Tensor) -> tf.Tensor:
        folded = tf.random.experimental.stateless_fold_in(seed, draw)
        return tf.random.stateless_uniform(
            shape, folded, minval=None, maxval=None, dtype=tf.int32, alg="philox"
        )

    return tf.map_fn(one, seeds, fn_output_signature=tf.int32)


def normal(seeds: tf.Tensor, draw: Any, like: tf.Tensor) -> tf.Tensor:
    """Standard normal noise of the shape and dtype of `like` [B, ...]."""
    shares = uniform(seeds, draw, tf.shape(like)[1:], like.dtype)
    return from_rows(tf.math.ndtri(as_rows(shares)), like)


def uniform(seeds: tf.Tensor, draw: Any, shape: Any, dtype: tf.DType) -> tf.Tensor:
    """Uniform numbers [B, *shape] in (0, 1): 23 high bits, centred in their bins, never 0 or 1."""
    top = tf.bitwise.right_shift(tf.bitcast(bits(seeds, draw, shape), tf.uint32), 9)
    return (tf.cast(top, dtype) + 0.5) * tf.cast(2.0**-23, dtype)


def folded(seeds: tf.Tensor, number: Any) -> tf.Tensor:
    """Other seed pairs [B, 2] for `number`, away from those of other numbers."""
    return seeds + tf.stack([tf.cast(7919 * (number + 1), tf.int32), tf.constant(-104729)])


def signs(seeds: tf.Tensor, draw: Any, like: tf.Tensor) -> tf.Tensor:
    """Independent fair signs, -1 or +1, of the shape and dtype of `like` [B, ...]."""
    integers = bits(seeds, draw, tf.shape(like)[1:])
    ones = tf.ones_like(like)
    return tf.where(tf.reshape(integers, tf.shape(like)) < 0, -ones, ones)
