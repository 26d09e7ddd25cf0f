"""Rules for operations without kernels: routing, averages, sums, products, activations."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.kinds import unsupported
from tf_fragile.backprop.rules.division import divide, divide_by_sum, negative, positive

Tensors = Sequence[tf.Tensor]


def gradient(node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor) -> Tensors:
    """The vector-Jacobian product: max pools send all to the maximum, concatenations slice.

    Raises:
      UnsupportedLayerError: the operation has no derivative.
    """
    # Copies, because two slots may hold one tensor object (a dropout hands its input through) and
    # a tape would then give each the sum of both.
    copies = {slot: tf.identity(x) for slot, x in zip(node.inputs, inputs, strict=True)}
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(copies)
        (y,) = node(copies)
    parts = tape.gradient(y, copies, output_gradients=tf.cast(relevance, y.dtype))
    if any(part is None for part in parts.values()):
        raise unsupported(
            "A gradient",
            node,
            "the operation has no derivative",
            "explain the model behind that step instead",
        )
    times = {slot: node.inputs.count(slot) for slot in parts}  # Add([h, h]) reads h twice
    return [parts[s] if times[s] == 1 else parts[s] / times[s] for s in node.inputs]


def column_gradient(
    node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
) -> Tensors:
    """The gradient of a last layer that computes the target's logit only; the target gets none."""
    x, target = inputs
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = node.operation(x, target)
    return [tape.gradient(y, x, output_gradients=relevance), tf.zeros_like(target)]


def pass_through(node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor) -> Tensors:
    """All relevance of an entry to the same entry of the one input, summed where it was copied."""
    return [_sum_to(relevance, inputs[0])]


def smooth_share(node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor) -> Tensors:
    """`R z φ'(z) / φ(z)` at a smooth stand-in φ for a ReLU, before a rule that divides by z.

    That is R where the ReLU is active and nothing where it is not, as at the ReLU itself. Passed on
    unchanged, relevance of small positive φ(z) would be divided by z near or below zero, and the
    map of the smooth network would have poles where that of the true one has kinks.
    """
    (z,) = inputs
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(z)
        y = node.operation(z)
    slope = tape.gradient(y, z)
    return [relevance * tf.math.divide_no_nan(z * slope, output)]


@dataclass(frozen=True)
class Proportional:
    """`R_i = x_i Σ_j a_ij R_j / y_j` for a linear operation without kernels: pools, Add, mean.

    Source: the z-rule of iNNvestigate; Zennit's `Norm`.

    Attributes:
      epsilon: the stabiliser of `divide`.
    """

    epsilon: float = 0.0

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`."""
        parts = gradient(node, inputs, output, divide(relevance, output, self.epsilon))
        return [x * part for x, part in zip(inputs, parts, strict=True)]


@dataclass(frozen=True)
class AlphaBetaSum:
    """The αβ rule on a sum: `R_k = α x_k⁺ R / Σx⁺ − β x_k⁻ R / Σx⁻`, broadcast summands summed.

    Source: Sixt et al. 2020 ran it on residual connections, followed by a clip to [0, 1000].

    Attributes:
      alpha: weight of the positive summands.
      beta: weight of the negative ones.
      clip: whether results are clipped to [0, 1000], which removes all negative relevance.
    """

    alpha: float
    beta: float
    clip: bool = False

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`."""
        plus = [positive(x) for x in inputs]
        share = self.alpha * divide_by_sum(relevance, _sum(plus))
        parts = [x * share for x in plus]
        if self.beta:
            minus = [negative(x) for x in inputs]
            share = self.beta * divide_by_sum(relevance, _sum(minus))
            parts = [part - x * share for part, x in zip(parts, minus, strict=True)]
        parts = [_sum_to(part, x) for part, x in zip(parts, inputs, strict=True)]
        return [tf.clip_by_value(part, 0.0, 1000.0) for part in parts] if self.clip else parts


def _sum(summands: Sequence[tf.Tensor]) -> tf.Tensor:
    """Their sum, broadcast where shapes differ."""
    one_shape = len({tuple(x.shape.as_list()) for x in summands}) == 1
    return tf.add_n(summands) if one_shape else functools.reduce(tf.add, summands)


def uniform(node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor) -> Tensors:
    """An equal share for every factor of a product, summed where a factor was broadcast."""
    return [_sum_to(relevance / len(inputs), x) for x in inputs]


def _sum_to(x: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """`x` summed over the axes along which `like` was broadcast to its shape."""
    if x.shape.rank == like.shape.rank and x.shape[1:] == like.shape[1:]:
        return x
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(like)
        wide = tf.broadcast_to(like, tf.shape(x))
    return tape.gradient(wide, like, output_gradients=x)
