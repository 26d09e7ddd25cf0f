"""LRP-0, LRP-ε and LRP-γ: rules whose denominator is the layer's own pre-activation, or near it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.rules.division import divide, divide_by_sum, negative, positive
from tf_fragile.backprop.weighted import transpose, weights_of
from tf_fragile.settings import check, setting

Tensors = Sequence[tf.Tensor]


@dataclass(frozen=True)
class Epsilon:
    """`R_i = x_i Σ_j w_ij R_j / (z_j + ε sign z_j)`, with sign 0 = +1.

    Source: Bach et al. 2015, eq. 58; ε = 0 is LRP-0 (LRP-z).

    Attributes:
      epsilon: the stabiliser; 0 replaces exact zeros only.
      bias: whether z includes the bias, which then keeps `b_j / z_j` of the relevance.
    """

    epsilon: float = setting(0.0, low=0, high=1e6)
    bias: bool = True

    def __post_init__(self) -> None:
        check(self)

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`."""
        operation, (x,) = node.operation, inputs
        kernels, bias = weights_of(operation, x)
        z = output if self.bias or bias is None else output - bias
        s = divide(relevance, z, self.epsilon)
        return [x * transpose(operation, x, s, kernels)]


@dataclass(frozen=True)
class Gamma:
    """`R_i = Σ_j x_i (w_ij + γ w⁺_ij) R_j / Σ_k x_k (w_kj + γ w⁺_kj)`, generalised to signs.

    Where z_j > 0, positive inputs meet `w + γ w⁺` and negative ones `w + γ w⁻`; where z_j < 0 it
    is the other way round; where z_j = 0 nothing is passed on. A bias goes with the positive
    inputs, raised by γ like the weights there.

    Source: Montavon et al. 2019, table 10.1; Andéol et al. 2023 for the signs, as in Zennit.

    Attributes:
      gamma: how much positive contributions are favoured; 0 is LRP-0.
      bias: whether the denominators include the bias.
      epsilon: the stabiliser of the denominators.
      signed: whether inputs may be negative; `False` saves half of the work.
      rectified: whether no relevance ever comes to negative z, because a ReLU follows; saves a
        way back.
    """

    gamma: float = setting(0.25, low=0, high=1e12)
    bias: bool = True
    epsilon: float = setting(0.0, low=0, high=1e6)
    signed: bool = True
    rectified: bool = False

    def __post_init__(self) -> None:
        check(self)

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`."""
        operation, (x,), gamma = node.operation, inputs, self.gamma
        kernels, bias = weights_of(operation, x)
        plus, minus = (tuple(map(sign, kernels)) for sign in (positive, negative))
        # The raised weights add γ times the positive products to z, or the negative ones, which
        # are what is left of z.
        products = operation.linear(positive(x) if self.signed else x, plus)
        if self.signed:
            products += operation.linear(negative(x), minus)
        z = output
        if bias is not None:
            products += positive(bias) if self.bias else 0
            z = output if self.bias else output - bias
        below = None
        if self.rectified and not self.epsilon:
            # Where z > 0 the sum is positive; elsewhere there is nothing to share.
            above = divide_by_sum(relevance, z + gamma * products)
        else:
            favoured = tf.where(output > 0, products, z - products)
            s = divide(relevance, z + gamma * favoured, self.epsilon)
            above = s * tf.cast(output > 0, s.dtype)
            below = None if self.rectified else s * tf.cast(output < 0, s.dtype)
        if not self.signed:
            raised = tuple(k + gamma * part for k, part in zip(kernels, plus, strict=True))
            shares = transpose(operation, x, above, raised)
            if below is not None:
                lowered = tuple(k + gamma * part for k, part in zip(kernels, minus, strict=True))
                shares += transpose(operation, x, below, lowered)
            return [x * shares]
        plain = transpose(operation, x, above if below is None else above + below, kernels)
        extra = transpose(operation, x, above, plus)
        if below is not None:
            extra += transpose(operation, x, below, minus)
        return [
            positive(x) * (plain + gamma * extra) + negative(x) * (plain + gamma * (plain - extra))
        ]
