"""Rules for the layer next to the input: w², flat and z^B."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.rules.division import divide, divide_by_sum, negative, positive
from tf_fragile.backprop.weighted import Kernels, Weighted, transpose, weights_of

Tensors = Sequence[tf.Tensor]


def wsquare(node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor) -> Tensors:
    """`R_i = Σ_j w²_ij R_j / Σ_k w²_kj` for any input. Source: Montavon et al. 2017, eq. 9."""
    operation, (x,) = node.operation, inputs
    kernels, _ = weights_of(operation, x)
    return [_by_weight(operation, x, tuple(k * k for k in kernels), relevance)]


def flat(node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor) -> Tensors:
    """An equal share for every input that a unit sees. Source: Lapuschkin et al. 2017."""
    operation, (x,) = node.operation, inputs
    kernels, _ = weights_of(operation, x)
    return [_by_weight(operation, x, tuple(tf.ones_like(k) for k in kernels), relevance)]


def _by_weight(
    operation: Weighted, x: tf.Tensor, kernels: Kernels, relevance: tf.Tensor
) -> tf.Tensor:
    """Shares in proportion to `kernels`; at a padded border only taps inside the input count."""
    z = operation.linear(tf.ones_like(x[:1]), kernels)
    return transpose(operation, x, relevance * divide_by_sum(tf.ones_like(z), z), kernels)


@dataclass(frozen=True, eq=False)
class ZBox:
    """z^B: `R_i = Σ_j q_ij R_j / Σ_k q_kj`, `q_ij = x_i w_ij − l_i w⁺_ij − h_i w⁻_ij`, no bias.

    Source: Montavon et al. 2017, eq. 11.

    Attributes:
      low: l, the smallest value each input entry can have, by slot, broadcasting to the input.
      high: h, the largest.
    """

    low: Mapping[int, tf.Tensor]
    high: Mapping[int, tf.Tensor]

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`."""
        operation, (x,), (slot,) = node.operation, inputs, node.inputs
        kernels, bias = weights_of(operation, x)
        low, high = self.low[slot], self.high[slot]
        plus, minus = (tuple(map(sign, kernels)) for sign in (positive, negative))
        z = output if bias is None else output - bias
        z = z - operation.linear(low, plus) - operation.linear(high, minus)
        s = divide(relevance, z)
        # q_ij with w_ij as the sum of its parts: two ways back instead of three.
        return [
            (x - low) * transpose(operation, x, s, plus)
            + (x - high) * transpose(operation, x, s, minus)
        ]
