"""Softplus in place of ReLU: the function, and the smooth stand-in of whatever has kinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.surrogates.kinks import shape_of

_MOST_KINKS = 16  # more are a rounding or a wave, of which nothing smooth is left
_OFF_KINK = 1e-6


def softplus(z: tf.Tensor, beta: Any) -> tf.Tensor:
    """`log(1 + exp(beta z)) / beta`, as accurate as the dtype's rounding of 1, and fast.

    Written with one sigmoid, which the derivative needs anyway: about half the time of
    `tf.nn.softplus` and its gradients on CPUs. Values below the dtype's epsilon become zero;
    derivatives keep full accuracy.

    Args:
      z: pre-activations.
      beta: sharpness, a number or a tensor that broadcasts to `z`; it gets no gradient.
    """
    if z.dtype in (tf.float16, tf.bfloat16):  # log and sharpness need more range and digits
        return tf.cast(softplus(tf.cast(z, tf.float32), beta), z.dtype)

    def smooth(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        gate = tf.sigmoid(beta * z)
        value = tf.nn.relu(z) - tf.math.log(tf.maximum(gate, 1 - gate)) / beta
        return value, lambda upstream: upstream * tf.sigmoid(beta * z)

    return tf.custom_gradient(smooth)(z)


@dataclass(frozen=True, eq=False)
class Smoothed:
    """`f(z) + sum_i d_i (softplus(z - t_i) - relu(z - t_i))`: f without its kinks, f far from them.

    Attributes:
      function: f.
      kinks: places t_i and changes of slope d_i.
      beta_at: the sharpness for pre-activations `z`.
    """

    function: Callable[[tf.Tensor], tf.Tensor]
    kinks: tuple[tuple[float, float], ...]
    beta_at: Callable[[tf.Tensor], Any]

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        """The smooth function of `z`, same shape and dtype."""
        on_kink = tf.add_n([tf.cast(tf.equal(z, place), z.dtype) for place, _ in self.kinks])
        # On a kink itself, where silent units are, f has whatever slope its author chose; just
        # below it has the one to its left, and so has the ReLU that is taken off.
        y = tf.cast(self.function(z - _OFF_KINK * on_kink), z.dtype)
        for place, change in self.kinks:
            moved = z - place
            y += change * (softplus(moved, self.beta_at(z)) - tf.nn.relu(moved))
        return y


def smooth_stand_in(operation: Any, beta_at: Callable[[tf.Tensor], Any]) -> Activation | None:
    """The smooth stand-in of an activation with kinks, `None` for all else.

    Kinks are looked for in the function itself, so that one function gets one stand-in however it
    was written; ReLUs that are known get the same by a cheaper formula. A function that jumps, or
    has more kinks than a few, has none: nothing smooth is like it.

    Args:
      operation: an activation, or a `PReLU` layer.
      beta_at: the sharpness for pre-activations `z`.
    """
    if isinstance(operation, keras.layers.PReLU):
        return _leaky(operation, beta_at)
    if not isinstance(operation, Activation):
        return None
    if operation.kind == "relu":
        return Activation("smooth_relu", lambda z: softplus(z, beta_at(z)))
    if operation.kind == "relu6":
        return Activation(
            "smooth_relu", lambda z: softplus(z, beta_at(z)) - softplus(z - 6, beta_at(z))
        )
    if operation.kind == "leaky_relu":
        # phi(1) = 1 and phi(-1) = -slope for every leaky ReLU, whatever wrote it.
        slope = -float(operation(tf.constant([-1.0]))[0])
        return Activation(
            "smooth_leaky_relu", lambda z: slope * z + (1 - slope) * softplus(z, beta_at(z))
        )
    if isinstance(operation.function, keras.layers.PReLU):
        return _leaky(operation.function, beta_at)
    shape = shape_of(operation)
    if shape is None or shape.jumps or not 0 < len(shape.kinks) <= _MOST_KINKS:
        return None
    smoothed = Smoothed(operation.function, shape.kinks, beta_at)
    if shape.like_relu:
        return Activation("smooth_relu", smoothed)
    return Activation("smooth_leaky_relu" if shape.monotone else "smooth_activation", smoothed)


def _leaky(layer: keras.layers.PReLU, beta_at: Callable[[tf.Tensor], Any]) -> Activation:
    """That of a `PReLU`, whose slopes, one a channel or a unit, are read at call time."""

    def smooth(z: tf.Tensor) -> tf.Tensor:
        slope = tf.cast(layer.alpha, z.dtype)
        return slope * z + (1 - slope) * softplus(z, beta_at(z))

    # A slope may be learned to be negative: not even monotone.
    return Activation("smooth_activation", smooth)


def is_relu(operation: Any) -> bool:
    """Whether `smooth_stand_in` knows a stand-in for `operation`."""
    return smooth_stand_in(operation, lambda _: 1.0) is not None
