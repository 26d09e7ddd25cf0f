"""How an attack moves: one proposal from one iterate, before projection."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import tensorflow as tf

from tf_fragile.attacks.constraints import Ball
from tf_fragile.attacks.cost import Cost
from tf_fragile.attacks.oracle import Oracle

MOST_STEPS = 1_000_000
"""Of one attack; ten times what is worth asking for, since a run may be repeated for longer."""


class Iterate(NamedTuple):
    """Where the attack is.

    Attributes:
      x: the iterate [N, ...].
      momentum: what the last step remembered, of the shape of `x`; zeros at first.
      step: int32 scalar, 0 for the first.
      seed: int32 [N, 2].
    """

    x: tf.Tensor
    momentum: tf.Tensor
    step: tf.Tensor
    seed: tf.Tensor


class Move(NamedTuple):
    """A proposal.

    Attributes:
      x: the next iterate before projection [N, ...].
      momentum: what the optimiser remembers, of the shape of `x`.
      pulled: bool [N], whether a row was drawn back towards its label, at the cost of a gradient.
    """

    x: tf.Tensor
    momentum: tf.Tensor
    pulled: tf.Tensor


class Optimizer(Protocol):
    """A way to move."""

    @property
    def steps(self) -> int:
        """Iterates."""

    @property
    def cost(self) -> Cost:
        """Of one step, without its scoring and without pulls."""

    def propose(self, at: Iterate, ball: Ball, oracle: Oracle) -> Move:
        """The next iterate before projection.

        Args:
          at: the current one.
          ball: where it may go.
          oracle: ask it only for what is needed.
        """


def nobody(x: tf.Tensor) -> tf.Tensor:
    """`Move.pulled` where no row [N, ...] was."""
    return tf.zeros([tf.shape(x)[0]], tf.bool)
