"""The one contract every explainer keeps: a pure function of (network, x, target, seed)."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import tensorflow as tf

from tf_fragile.backprop.network import Network


@runtime_checkable
class Method(Protocol):
    """Settings of an attribution method, a frozen dataclass, and what it computes from them.

    Attributes:
      evaluations: gradients of the model behind one map, for the cost of an experiment.
    """

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """Signed attribution of the target's logit, the nesting, shapes and dtype of `x`.

        Args:
          network: the score function.
          x: input tensors [B, ...] in the model's nesting.
          target: int32 [B], the class explained.
          seed: int32 [B, 2], one seed pair for each sample.
        """


class Complete(Protocol):
    """A method whose attributions have a sum that theory fixes."""

    def gap(self, network: Network, x: Any, target: tf.Tensor, attribution: Any) -> tf.Tensor:
        """How far the attribution's sum is from what theory says, signed, [B]."""


def total(attribution: Any) -> tf.Tensor:
    """The sum [B] of an attribution over everything but the batch."""
    flat = tf.nest.flatten(attribution)
    return tf.add_n([tf.reduce_sum(tf.reshape(a, [tf.shape(a)[0], -1]), 1) for a in flat])
