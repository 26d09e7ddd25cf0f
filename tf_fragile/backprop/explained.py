"""A graph and the class whose logit it explains: what goes in, and what relevance starts with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from tf_fragile.backprop.graph import Graph, Values

Head = Literal["logit", "one", "relu"]


@dataclass(frozen=True, eq=False)
class Explained:
    """A graph bound to the class that is explained.

    Attributes:
      graph: the operations, up to the logits [B, units] or to the target's alone.
      target: int32 [B].
      column: whether the output is the target's logit [B, 1] alone. Such a graph may take the
        target as its last input, see `rewrites.target_column`.
    """

    graph: Graph
    target: tf.Tensor
    column: bool = False

    def run(self, x: Any) -> Values:
        """Every tensor of the forward pass for the model's inputs `x`, any nesting."""
        flat = tf.nest.flatten(x)
        asks = self.column and len(self.graph.inputs) > len(flat)
        return self.graph.run([*flat, self.target] if asks else flat)

    def start(self, values: Values, head: Head, linear: bool) -> dict[int, tf.Tensor]:
        """The relevance of the output: `head_value` at the target's unit, zero at the others.

        Args:
          values: the forward pass.
          head: how much.
          linear: whether what is propagated is a derivative. The two classes of a model with one
            output unit are then told apart by the sign, (-z, z); relevance has none to begin with.
        """
        logits = values[self.graph.output]
        if self.column:
            return {self.graph.output: head_value(logits[:, 0], head)[:, None]}
        amount = head_value(target_logit(logits, self.target), head)
        if logits.shape[-1] == 1:
            sign = _direction(logits, self.target) if linear else tf.ones_like(amount)
            unit = sign[:, None]
        else:
            unit = tf.one_hot(self.target, tf.shape(logits)[-1], dtype=logits.dtype)
        return {self.graph.output: amount[:, None] * unit}


def target_logit(logits: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """The logit [B] of class `target` [B] from the graph's output [B, units]."""
    if logits.shape[-1] == 1:
        return _direction(logits, target) * logits[:, 0]
    return tf.gather(logits, target, batch_dims=1)


def head_value(logit: tf.Tensor, head: Head) -> tf.Tensor:
    """How much relevance the output gets: the logit, one, or the logit's positive part."""
    if head == "logit":
        return logit
    return tf.ones_like(logit) if head == "one" else tf.nn.relu(logit)


def _direction(logits: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.cast(2 * target - 1, logits.dtype)
