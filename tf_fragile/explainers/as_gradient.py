"""A map as the gradient of the score, for code that only knows `tf.GradientTape`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def with_gradient(
    score: Callable[[Any], tf.Tensor], attribution: Callable[[Any], Any], x: Any
) -> tf.Tensor:
    """The score [B] at `x`, whose gradient by `x` is the attribution.

    The whole model is wrapped once, and its backward pass is the map computed from the input by
    plain operations. So the derivative of the gradient is the derivative of the map. Overrides of
    single layers do not have that: there the outer tape differentiates through the modified rule
    where it should go through the true forward pass. The score's derivative with respect to the
    model's variables is not defined and comes out as `None`.

    Args:
      score: of inputs nested like `x`, [B].
      attribution: of inputs nested like `x`, nested alike.
      x: input tensors.
    """

    def wrapped(*inputs: tf.Tensor) -> Any:
        packed = tf.nest.pack_sequence_as(x, inputs)

        def backward(upstream: tf.Tensor, variables: Any = None) -> Any:
            maps = tf.nest.flatten(attribution(packed))
            scaled = [tf.reshape(upstream, [-1] + [1] * (m.shape.rank - 1)) * m for m in maps]
            return scaled if variables is None else (scaled, [None] * len(variables))

        return score(packed), backward

    return tf.custom_gradient(wrapped)(*tf.nest.flatten(x))
