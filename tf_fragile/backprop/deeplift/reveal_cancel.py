"""DeepLIFT's RevealCancel: positive and negative contributions with multipliers of their own.

A difference from the reference is split into a positive part p >= 0 and a negative part n <= 0,
p + n = difference. Multipliers travel as one tensor [2, B, ...]: those of p, then those of n.

Signs of weights are handled through magnitudes: with `|W|` for the weights' magnitudes,
`W+ u + W- v = (W (u + v) + |W| (u - v)) / 2`, which is two convolutions rather than four.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.backprop.deeplift.linear import apply, magnitudes, pull_back, transpose
from tf_fragile.backprop.deeplift.rescale import cross_max, product, ratio, slope
from tf_fragile.backprop.deeplift.roles import Role
from tf_fragile.backprop.graph import Graph, Node, Values, widened

Tensors = Sequence[tf.Tensor]


@dataclass(frozen=True, eq=False)
class RevealCancel:
    """The rule of one node, `walk`'s signature with multiplier pairs, against `reference`.

    Source: Shrikumar et al. 2017, sections 3.4 and 3.5.2.

    Attributes:
      role: what the node is.
      reference: every tensor of the reference's forward pass, batch 1 or that of the input.
      positive: the positive part of every tensor's difference from its reference.
      cross_max: max pools by the cross-max rule (Captum, SHAP), else by their gradient.
      threshold: differences smaller than this are not divided by.
    """

    role: Role
    reference: Values
    positive: Values
    cross_max: bool
    threshold: float

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, multipliers: tf.Tensor
    ) -> Tensors:
        """The multiplier pairs of the inputs from that of the output."""
        start = [self.reference[slot] for slot in node.inputs]
        end = self.reference[node.output]
        deltas = [x - x0 for x, x0 in zip(inputs, start, strict=True)]
        up, down = tf.unstack(multipliers)
        if self.role == "pointwise":
            p = self.positive[node.inputs[0]]
            (rise, fall) = self._slopes(node, p, deltas[0] - p, start[0], end, output)
            return [tf.stack([up * rise, down * fall])]
        if self.role == "structure" or (self.role == "maximum" and not self.cross_max):
            return _pairs(transpose(node, inputs, up), transpose(node, inputs, down))
        if self.role == "scale":
            keeps = _factor(node, inputs[0]) > 0
            swapped = tf.where(keeps, up, down), tf.where(keeps, down, up)
            return _pairs(*(transpose(node, inputs, m) for m in swapped))
        if self.role in ("affine", "sum"):
            mean = transpose(node, inputs, (up + down) / 2)
            half = pull_back(magnitudes(node, inputs), inputs, (up - down) / 2)
            parts = zip(mean, half, deltas, strict=True)
            return _twins([m + tf.sign(d) * h for m, h, d in parts])
        one = by_sign(output - end, up, down)
        if self.role == "maximum":
            return _twins(cross_max(node, inputs, output, start, end, one, self.threshold))
        return _twins(product(node, inputs, start, one))

    def _slopes(
        self, node: Node, p: tf.Tensor, n: tf.Tensor, z0: tf.Tensor, y0: tf.Tensor, y: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What p and n are multiplied with in an activation; limits where they vanish.

        The limits are taken a threshold's width to the side from which the part comes, so that
        they are one-sided at a kink.
        """
        positive, negative = _revealed(node, p, n, z0, y0, y)
        side = tf.cast(self.threshold, z0.dtype)

        def limit(step: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
            return (slope(node, z0 + step) + slope(node, z0 + other + step)) / 2

        rise = ratio(positive, p, limit(side, n), self.threshold / 2)
        fall = ratio(negative, n, limit(-side, p), self.threshold / 2)
        return rise, fall


def positive_parts(
    graph: Graph, values: Values, reference: Values, role_of: Callable[[Node], Role]
) -> Values:
    """The positive part of the difference of every tensor of `graph` from its reference.

    Args:
      graph: the operations, in runnable order.
      values: every tensor of the forward pass of the input.
      reference: every tensor of the forward pass of the reference, batch 1 or that of the input.
      role_of: the role of a node.
    """
    floats = [slot for slot in values if values[slot].dtype.is_floating]
    delta = {slot: values[slot] - reference[slot] for slot in floats}
    positive: Values = {slot: tf.nn.relu(delta[slot]) for slot in graph.inputs}
    for node in (node.steered(values) for node in graph.relevant()):
        role, inputs = role_of(node), [values[slot] for slot in node.inputs]
        out = node.output
        if role in ("affine", "sum"):
            sizes = [tf.abs(delta[slot]) for slot in node.inputs]
            positive[out] = (delta[out] + magnitudes(node, inputs)(*sizes)) / 2
        elif role == "structure":
            positive.update(zip(node.outputs, map(widened, node(positive)), strict=True))
        elif role == "scale":
            p, factor = positive[node.inputs[0]], _factor(node, inputs[0])
            positive[out] = factor * tf.where(factor > 0, p, delta[node.inputs[0]] - p)
        elif role == "pointwise":
            (slot,) = node.inputs
            p, z0 = positive[slot], reference[slot]
            n = delta[slot] - p
            positive[out], _ = _revealed(node, p, n, z0, reference[out], values[out])
        else:
            positive[out] = tf.nn.relu(delta[out])
    return positive


def _revealed(
    node: Node, p: tf.Tensor, n: tf.Tensor, z0: tf.Tensor, y0: tf.Tensor, y: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The two parts of an activation's output: the mean of adding p before and after n."""
    with_p, with_n = apply(node, [z0 + p]), apply(node, [z0 + n])
    return (with_p - y0 + y - with_n) / 2, (with_n - y0 + y - with_p) / 2


def _factor(node: Node, x: tf.Tensor) -> tf.Tensor:
    """What a scaling node multiplies each entry with, [1, ...]."""
    one = tf.ones_like(x[:1])
    return apply(node, [one]) - apply(node, [tf.zeros_like(one)])


def by_sign(delta: tf.Tensor, up: tf.Tensor, down: tf.Tensor) -> tf.Tensor:
    """The multiplier of a difference as a whole: `up` if it is positive, `down` if negative."""
    return (up + down) / 2 + tf.sign(delta) * (up - down) / 2


def _pairs(up: Tensors, down: Tensors) -> Tensors:
    return [tf.stack(pair) for pair in zip(up, down, strict=True)]


def _twins(multipliers: Tensors) -> Tensors:
    return [tf.stack([m, m]) for m in multipliers]
