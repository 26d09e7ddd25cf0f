"""Divisions by sums that may vanish."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_ZERO_STANDS_FOR = 1e-7  # Keras' epsilon, which iNNvestigate divides by where a sum is exactly 0


def _vanishing(dtype: tf.DType) -> float:
    """About 1e-31 in float32: a quotient by less overflows long before its numerator does."""
    limits = np.finfo(dtype.as_numpy_dtype)
    return float(limits.tiny / limits.eps)


def divide(a: tf.Tensor, b: tf.Tensor, epsilon: float = 0.0) -> tf.Tensor:
    """`a / b` with a stabiliser.

    Args:
      a: numerator.
      b: denominator, broadcasting to `a`.
      epsilon: added to `b` with the sign of `b` (plus at zero), the ε-rule. At 0 only
        denominators that are zero, or so near it that the quotient would overflow, are replaced,
        by 1e-7, as iNNvestigate does; small ones are left alone.
    """
    if epsilon == 0:
        vanishing = tf.cast(tf.abs(b) < _vanishing(b.dtype), b.dtype)
        return a / (b + vanishing * tf.cast(_ZERO_STANDS_FOR, b.dtype))
    epsilon = tf.constant(epsilon, b.dtype)
    return a / (b + tf.where(b >= 0, epsilon, -epsilon))


def divide_by_sum(a: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    """`a / total` where `total` adds terms of one sign: at zero there is nothing to share, so 0.

    What is multiplied by the quotient is zero there too, so `divide` would give the same shares;
    this costs a third of it.
    """
    return tf.math.divide_no_nan(a, total)


def positive(x: tf.Tensor) -> tf.Tensor:
    """`max(x, 0)`."""
    return tf.nn.relu(x)


def negative(x: tf.Tensor) -> tf.Tensor:
    """`min(x, 0)`."""
    return -tf.nn.relu(-x)
