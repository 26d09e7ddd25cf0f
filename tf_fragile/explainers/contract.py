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


@runtime_checkable
class Symmetric(Protocol):
    """A method whose attribution is `factor(x) * field(x)`, the field with symmetric Jacobian.

    A gradient's Jacobian is a Hessian, so differences of the field along a direction are products
    of its Jacobian, transposed or not, with that direction.
    """

    @property
    def has_symmetric_field(self) -> bool:
        """Whether it holds for these settings."""

    def field(
        self, network: Network, x: tf.Tensor, target: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The field at `x`, one tensor; arguments as for `Method.attribute`."""

    def factor(self, x: tf.Tensor) -> tf.Tensor | None:
        """What the field is multiplied by, `x` minus a constant, or `None` for one."""


@runtime_checkable
class Thinnable(Protocol):
    """A method that averages many points and has a cheaper unbiased form for an attack's steps."""

    def thinned(self, points: int) -> Method:
        """The method with at most `points` points."""

    @property
    def redraws(self) -> bool:
        """Whether the thinned form should draw other points at every step."""


@runtime_checkable
class Stochastic(Protocol):
    """A method whose map depends on its seed."""

    @property
    def stochastic(self) -> bool:
        """Whether it does for these settings."""


def total(attribution: Any) -> tf.Tensor:
    """The sum [B] of an attribution over everything but the batch."""
    flat = tf.nest.flatten(attribution)
    return tf.add_n([tf.reduce_sum(tf.reshape(a, [tf.shape(a)[0], -1]), 1) for a in flat])
