"""From a signed attribution to a map: channel reduction, then normalisation, as two named steps.

Everything here is differentiable TensorFlow on float32 or float64, per sample, so the same
functions serve the reported metric and the objective inside a compiled attack loop.
A NaN in an attribution is left in the map or spreads over it; it is never turned into a number.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.nan import clip_keeping_nan
from tf_fragile.metrics.rows import as_rows, from_rows
from tf_fragile.registry import Registry

Step = Callable[[tf.Tensor], tf.Tensor]

REDUCTIONS: Registry[Step] = Registry("reduction")
NORMALISATIONS: Registry[Step] = Registry("normalisation")


def reduce(attribution: tf.Tensor, name: str = "sum_abs") -> tf.Tensor:
    """Folds the channel axis of a signed attribution into one number per position.

    Args:
      attribution: `[B, ..., C]` float, signed. `[B, D]`, a row of a table, has no channel axis
        and is treated as `D` positions of one channel, so `sum_abs` of it is `|a|`.
      name: a key of `REDUCTIONS`: `sum_abs`, `abs_max`, `positive_sum` or `sum`.

    Returns:
      `[B, ...]`, or `[B, D]` for `[B, D]`, in the dtype of `attribution`.

    Raises:
      InputError: if there is no such reduction, or `attribution` has no axis beside the batch.
    """
    step = REDUCTIONS[name]
    attribution = tf.convert_to_tensor(attribution)
    rank = attribution.shape.rank
    if rank is None or rank < 2:
        raise InputError(
            f"An attribution of shape {attribution.shape} cannot be reduced to a map; "
            "give [B, D] or [B, ..., C]."
        )
    return step(attribution[..., tf.newaxis] if rank == 2 else attribution)


def normalise(maps: tf.Tensor, name: str = "unit_sum") -> tf.Tensor:
    """Normalises each map of a batch on its own.

    Args:
      maps: `[B, ...]` float.
      name: a key of `NORMALISATIONS`: `unit_sum`, `min_p99`, `second_moment` or `none`.

    Returns:
      Maps of the same shape and dtype.

    Raises:
      InputError: if there is no such normalisation.
    """
    return NORMALISATIONS[name](tf.convert_to_tensor(maps))


def sum_abs(attribution: tf.Tensor) -> tf.Tensor:
    """Sum over channels of absolute values (Ghorbani et al. 2019, the numerator of I)."""
    return tf.reduce_sum(tf.abs(attribution), axis=-1)


def abs_max(attribution: tf.Tensor) -> tf.Tensor:
    """Largest absolute value over channels (Simonyan et al. 2014)."""
    return tf.reduce_max(tf.abs(attribution), axis=-1)


def positive_sum(attribution: tf.Tensor) -> tf.Tensor:
    """Sum over channels of the positive parts."""
    # `tf.nn.relu` may turn NaN into 0.
    positive = tf.where(attribution <= 0, tf.zeros_like(attribution), attribution)
    return tf.reduce_sum(positive, axis=-1)


def signed_sum(attribution: tf.Tensor) -> tf.Tensor:
    """Sum over channels, sign kept."""
    return tf.reduce_sum(attribution, axis=-1)


def unit_sum(maps: tf.Tensor) -> tf.Tensor:
    """Divides each map by the sum of its absolute values (Ghorbani et al. 2019, I(x)).

    For a map without negative entries that is its sum, and the result sums to 1.
    An all-zero map stays zero, with a finite gradient.
    """
    rows = as_rows(maps)
    return from_rows(_divide_or_keep(rows, tf.reduce_sum(tf.abs(rows), 1, keepdims=True)), maps)


def min_p99(maps: tf.Tensor) -> tf.Tensor:
    """Maps minimum to 0 and the 99th percentile to 1, clipped (Adebayo et al. 2018, `abs_norm`).

    The percentile interpolates linearly between order statistics, like `numpy.percentile`.
    A map whose minimum equals its 99th percentile becomes 0 everywhere but above it, 1 there.
    """
    low = _per_sample(tf.reduce_min, maps)
    high = tf.reshape(_percentile(_flat(maps), 0.99), tf.shape(low))
    span = high - low
    scaled = (maps - low) / tf.where(span > 0, span, tf.ones_like(span))
    above = tf.cast(maps > low, maps.dtype)
    return tf.where(span == 0, above, clip_keeping_nan(scaled, 0.0, 1.0))


def second_moment(maps: tf.Tensor) -> tf.Tensor:
    """Divides each map by the root mean square of its entries (Binder et al. 2023).

    An all-zero map stays zero, with a finite gradient.
    """
    # Squares of a map of size 1e-25 underflow in float32. Dividing by a constant first changes
    # neither the value nor any derivative, because the normalisation is scale-invariant.
    largest = tf.reshape(_per_sample(tf.reduce_max, tf.abs(maps)), [-1, 1])
    rows = _divide_or_keep(as_rows(maps), tf.stop_gradient(largest))
    count = tf.cast(tf.reduce_prod(tf.shape(maps)[1:]), maps.dtype)
    mean_square = tf.reduce_sum(tf.square(rows), 1, keepdims=True) / count
    size = tf.sqrt(tf.where(mean_square > 0, mean_square, tf.ones_like(mean_square)))
    return from_rows(rows / size, maps)


def unchanged(maps: tf.Tensor) -> tf.Tensor:
    """The map as it is."""
    return tf.identity(maps)


def _flat(maps: tf.Tensor) -> tf.Tensor:
    return tf.reshape(maps, [tf.shape(maps)[0], -1])


def _per_sample(reduction: Callable[..., tf.Tensor], maps: tf.Tensor) -> tf.Tensor:
    return reduction(maps, axis=list(range(1, maps.shape.rank)), keepdims=True)


def _divide_or_keep(maps: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    return maps / tf.where(size > 0, size, tf.ones_like(size))


def _percentile(flat: tf.Tensor, fraction: float) -> tf.Tensor:
    ordered = tf.sort(flat, axis=-1)
    last = tf.shape(flat)[1] - 1
    # float64: float32 cannot hold the fraction of a rank beyond 2**24 entries.
    position = tf.cast(last, tf.float64) * tf.constant(fraction, tf.float64)
    lower = tf.cast(tf.floor(position), last.dtype)
    weight = tf.cast(position - tf.floor(position), flat.dtype)
    below = tf.gather(ordered, lower, axis=1)
    above = tf.gather(ordered, tf.minimum(lower + 1, last), axis=1)
    return below + weight * (above - below)


REDUCTIONS.register("sum_abs", sum_abs)
REDUCTIONS.register("abs_max", abs_max)
REDUCTIONS.register("positive_sum", positive_sum)
REDUCTIONS.register("sum", signed_sum)
NORMALISATIONS.register("unit_sum", unit_sum)
NORMALISATIONS.register("min_p99", min_p99)
NORMALISATIONS.register("second_moment", second_moment)
NORMALISATIONS.register("none", unchanged)
