"""DeepLIFT's rules where one multiplier serves positive and negative contributions alike.

With Rescale everywhere the two multipliers of the general rules are equal, so a weighted layer
is one transposed convolution and an activation one division.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.backprop.deeplift.linear import (
    apply,
    magnitudes,
    pull_back,
    transpose,
    with_kernels,
)
from tf_fragile.backprop.deeplift.roles import Role
from tf_fragile.backprop.graph import Node, Values
from tf_fragile.backprop.weighted import is_linear

Tensors = Sequence[tf.Tensor]


@dataclass(frozen=True, eq=False)
class Rescale:
    """The rule of one node, `walk`'s signature, in a walk against `reference`.

    Source: Shrikumar et al. 2017, section 3.5.1; the product rule is the mean of the two orders in
    which the factors can change.

    Attributes:
      role: what the node is.
      reference: every tensor of the reference's forward pass, batch 1 or that of the input.
      cross_max: max pools by the cross-max rule (Captum, SHAP), else by their gradient.
      ablate: drop the negative weights of weighted layers wherever the input differs from its
        reference (Sixt et al. 2020, "DeepLIFT Ablation").
      threshold: differences smaller than this are not divided by.
    """

    role: Role
    reference: Values
    cross_max: bool
    ablate: bool
    threshold: float

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, multiplier: tf.Tensor
    ) -> Tensors:
        """The multipliers of the inputs from that of the output."""
        start = [self.reference[slot] for slot in node.inputs]
        end = self.reference[node.output]
        if self.role == "pointwise":
            return [multiplier * self._slope(node, inputs[0], output, start[0], end)]
        if self.role == "maximum" and self.cross_max:
            return cross_max(node, inputs, output, start, end, multiplier, self.threshold)
        if self.role == "product":
            return product(node, inputs, start, multiplier)
        plain = transpose(node, inputs, multiplier)
        if not self.ablate or self.role not in ("affine", "sum"):
            return plain
        ablated = _positive_weights(node, inputs, multiplier)
        changed = [x != x0 for x, x0 in zip(inputs, start, strict=True)]
        return [tf.where(c, a, p) for c, a, p in zip(changed, ablated, plain, strict=True)]

    def _slope(
        self, node: Node, z: tf.Tensor, y: tf.Tensor, z0: tf.Tensor, y0: tf.Tensor
    ) -> tf.Tensor:
        return ratio(y - y0, z - z0, slope(node, z0), self.threshold)


def ratio(
    numerator: tf.Tensor, denominator: tf.Tensor, otherwise: tf.Tensor, threshold: float
) -> tf.Tensor:
    """`numerator / denominator`, and `otherwise` where the denominator is below `threshold`.

    Neither value nor derivative of the branch not taken reaches the result.
    """
    small = tf.abs(denominator) < tf.cast(threshold, denominator.dtype)
    safe = tf.where(small, tf.ones_like(denominator), denominator)
    return tf.where(small, otherwise, numerator / safe)


def slope(node: Node, z: tf.Tensor) -> tf.Tensor:
    """The derivative of a pointwise node at `z`."""
    (result,) = pull_back(lambda t: apply(node, [t]), [z], tf.ones_like(z))
    return result


def cross_max(
    node: Node,
    inputs: Tensors,
    output: tf.Tensor,
    start: Tensors,
    end: tf.Tensor,
    multiplier: tf.Tensor,
    threshold: float,
) -> Tensors:
    """The multipliers below a maximum, so that contributions keep their sum.

    A rise of the maximum is credited to where the input attains it, a fall to where the reference
    did. Both are where the larger of input and reference is largest, so one gradient of one
    maximum routes everything, and overlapping windows add up. At that place the input differs
    from its reference at least as much as the maximum does, so the division is safe. A window
    that does not move counts as moved by the threshold, and likewise an entry: together they
    leave the plain gradient where nothing differs.

    Source: the rule of Captum and SHAP, who compute it with two gradients.
    """
    raised = [tf.maximum(x, x0) for x, x0 in zip(inputs, start, strict=True)]
    parts = transpose(node, raised, multiplier * _kept_off_zero(output - end, threshold))
    return [
        part / _kept_off_zero(x - x0, threshold)
        for part, x, x0 in zip(parts, inputs, start, strict=True)
    ]


def _kept_off_zero(difference: tf.Tensor, threshold: float) -> tf.Tensor:
    least = tf.cast(threshold, difference.dtype)
    return tf.where(tf.abs(difference) < least, least, difference)


def product(node: Node, inputs: Tensors, start: Tensors, multiplier: tf.Tensor) -> Tensors:
    """The multipliers of two factors: each times the mean of the other and its reference.

    `ab - a0 b0 = (a - a0) (b + b0) / 2 + (b - b0) (a + a0) / 2`, so contributions keep their sum.
    """
    (a, b), (a0, b0) = inputs, start
    (of_a,) = pull_back(lambda t: apply(node, [t, (b + b0) / 2]), [a], multiplier)
    (of_b,) = pull_back(lambda t: apply(node, [(a + a0) / 2, t]), [b], multiplier)
    return [of_a, of_b]


def _positive_weights(node: Node, inputs: Tensors, multiplier: tf.Tensor) -> Tensors:
    """`W+ᵀ m`."""
    if is_linear(node.operation):
        return pull_back(with_kernels(node, inputs, tf.nn.relu), inputs, multiplier)
    plain = transpose(node, inputs, multiplier)
    absolute = pull_back(magnitudes(node, inputs), inputs, multiplier)
    return [(p + a) / 2 for p, a in zip(plain, absolute, strict=True)]
