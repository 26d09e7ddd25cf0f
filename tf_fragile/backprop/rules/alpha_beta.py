"""The αβ family: positive and negative products weighed apart. α = 1, β = 0 is the z⁺ rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.rules.division import divide, divide_by_sum, negative, positive
from tf_fragile.backprop.weighted import Kernels, Weighted, transpose, weights_of
from tf_fragile.errors import InputError
from tf_fragile.settings import check, setting

Tensors = Sequence[tf.Tensor]
Bias = Literal["innvestigate", "split", "ignore"]


@dataclass(frozen=True)
class AlphaBeta:
    """`R_i = α Σ_j Z⁺_ij R_j / Z⁺_j − β Σ_j Z⁻_ij R_j / Z⁻_j` over products `Z_ij = x_i w_ij`.

    Source: Bach et al. 2015, eq. 60; Sixt et al. 2020 ran it with `bias="innvestigate"`.

    Attributes:
      alpha: weight of the positive products, at least 1.
      beta: weight of the negative ones, `alpha - 1`.
      bias: `"innvestigate"` adds the full bias to both denominators, as that library does;
        `"split"` its positive part to Z⁺ and its negative part to Z⁻; `"ignore"` none.
      signed: whether inputs may be negative; `False` saves half of the work.

    Raises:
      InputError: `alpha - beta` is not 1, one is out of range, or an unknown `bias`.
    """

    alpha: float = setting(1.0, low=1, high=1e6)
    beta: float = setting(0.0, low=0, high=1e6)
    bias: Bias = setting("split", named="bias convention")
    signed: bool = True

    def __post_init__(self) -> None:
        check(self)
        if abs(self.alpha - self.beta - 1) > 1e-9:
            raise InputError(
                f"The αβ rule needs alpha - beta = 1, got alpha = {self.alpha} and beta = "
                f"{self.beta}; give e.g. alpha=2, beta=1."
            )

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`."""
        operation, (x,) = node.operation, inputs
        kernels, bias = weights_of(operation, x)
        plus, minus = (tuple(map(sign, kernels)) for sign in (positive, negative))
        result = self.alpha * self._half(operation, x, plus, minus, bias, positive, relevance)
        if self.beta:
            half = self._half(operation, x, minus, plus, bias, negative, relevance)
            result -= self.beta * half
        return [result]

    def _half(
        self,
        operation: Weighted,
        x: tf.Tensor,
        with_plus: Kernels,
        with_minus: Kernels,
        bias: tf.Tensor | None,
        sign: Callable[[tf.Tensor], tf.Tensor],
        relevance: tf.Tensor,
    ) -> tf.Tensor:
        """Σ_j of the products of one sign, positive inputs meeting `with_plus`."""
        terms = [(x, with_plus)]
        if self.signed:
            terms = [(positive(x), with_plus), (negative(x), with_minus)]
        z = tf.add_n([operation.linear(part, kernels) for part, kernels in terms])
        if bias is None or self.bias == "ignore":
            s = divide_by_sum(relevance, z)
        elif self.bias == "split":
            s = divide_by_sum(relevance, z + sign(bias))
        else:
            s = divide(relevance, z + bias)
        return tf.add_n([part * transpose(operation, x, s, kernels) for part, kernels in terms])


def zplus(signed: bool = True) -> AlphaBeta:
    """`R_i = Σ_j Z⁺_ij R_j / Σ_k Z⁺_kj`, no bias. Source: Montavon et al. 2017, eq. 10."""
    return AlphaBeta(1.0, 0.0, "ignore", signed)
