"""Contrastive relevance: what speaks for a unit minus what speaks for its opposite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import tensorflow as tf

from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.walk import Rule
from tf_fragile.backprop.weighted import Reweighted, Weights, weights_of

Tensors = Sequence[tf.Tensor]


@dataclass(frozen=True)
class Contrast:
    """A rule's relevance minus the one it gives in the dual layer, all weights negated.

    Source: Zhang et al. 2016, section 3.3, contrastive excitation backprop at the top layer.

    Attributes:
      rule: a rule of a weighted layer that does not read the layer's output.
    """

    rule: Rule

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`."""
        operation = node.operation

        def negated(x: tf.Tensor) -> Weights:
            kernels, bias = weights_of(operation, x)
            return tuple(-k for k in kernels), None if bias is None else -bias

        dual = replace(node, operation=Reweighted(operation.layer, operation.linear, negated))
        parts = self.rule(node, inputs, output, relevance)
        return [
            a - b for a, b in zip(parts, self.rule(dual, inputs, -output, relevance), strict=True)
        ]
