"""A map as the gradient of the score, for code that only knows `tf.GradientTape`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.explainers.targets import as_target


def as_gradient(explainer: Explainer, target: Any = None, seed: Any = 0) -> Callable[..., Any]:
    """The score as a function of the input whose gradient is the explainer's map.

    The whole model is wrapped once, and its backward pass is the map computed from the input by
    plain operations. So the derivative of the gradient is the derivative of the map. Overrides of
    single layers do not have that: there the outer tape differentiates through the modified rule
    where it should go through the true forward pass. The score's derivative with respect to the
    model's variables is not defined and comes out as `None`.

    Args:
      explainer: whose map.
      target: as for the explainer, resolved at every call.
      seed: as for the explainer.

    Returns:
      A function from `x`, in the model's nesting, to the score [B] of the target.
    """

    @tf.autograph.experimental.do_not_convert
    def score(x: Any) -> tf.Tensor:
        given, x = x, explainer.inputs(x)
        if tf.executing_eagerly():
            explainer.network.check_nesting(given, x)
        flat = tf.nest.flatten(x)
        labels = as_target(target, x, explainer.network)
        seeds = sample_seeds(seed, tf.shape(flat[0])[0])

        @tf.custom_gradient
        def wrapped(*inputs: tf.Tensor) -> Any:
            packed = tf.nest.pack_sequence_as(x, inputs)

            def backward(upstream: tf.Tensor, variables: Any = None) -> Any:
                maps = tf.nest.flatten(explainer.attribute(packed, labels, seeds))
                scaled = [tf.reshape(upstream, [-1] + [1] * (m.shape.rank - 1)) * m for m in maps]
                return scaled if variables is None else (scaled, [None] * len(variables))

            return explainer.network.score(packed, labels), backward

        return wrapped(*flat)

    return score
