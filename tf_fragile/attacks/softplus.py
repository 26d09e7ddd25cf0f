"""Softplus in place of ReLU: the function, and the smooth stand-in of each ReLU-like activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.activations import Activation


def softplus(z: tf.Tensor, beta: Any) -> tf.Tensor:
    """`log(1 + exp(beta z)) / beta`, as accurate as the dtype's rounding of 1, and fast.

    Written with one sigmoid, which the derivative needs anyway: about half the time of
    `tf.nn.softplus` and its gradients on CPUs. Values below the dtype's epsilon become zero;
    derivatives keep full accuracy.

    Args:
      z: pre-activations.
      beta: sharpness, a number or a tensor that broadcasts to `z`; it gets no gradient.
    """

    @tf.custom_gradient
    def smooth(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        gate = tf.sigmoid(beta * z)
        value = tf.nn.relu(z) - tf.math.log(tf.maximum(gate, 1 - gate)) / beta
        return value, lambda upstream: upstream * tf.sigmoid(beta * z)

    return smooth(z)


def smooth_stand_in(
    activation: Activation, beta_at: Callable[[tf.Tensor], Any]
) -> Activation | None:
    """The smooth stand-in of a ReLU-like activation, `None` for the others.

    Args:
      activation: what is replaced.
      beta_at: the sharpness for pre-activations `z`.
    """
    if activation.kind == "relu":
        return Activation("smooth_relu", lambda z: softplus(z, beta_at(z)))
    if activation.kind == "relu6":
        return Activation(
            "smooth_relu", lambda z: softplus(z, beta_at(z)) - softplus(z - 6, beta_at(z))
        )
    if activation.kind == "leaky_relu":
        # phi(1) = 1 and phi(-1) = -slope for every leaky ReLU, whatever wrote it.
        slope = -float(activation(tf.constant([-1.0]))[0])
        return Activation(
            "smooth_leaky_relu", lambda z: slope * z + (1 - slope) * softplus(z, beta_at(z))
        )
    return None


def is_relu(operation: Any) -> bool:
    """Whether `smooth_stand_in` knows a stand-in for `operation`."""
    return (
        isinstance(operation, Activation) and smooth_stand_in(operation, lambda _: 1.0) is not None
    )
