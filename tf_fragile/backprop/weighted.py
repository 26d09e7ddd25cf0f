"""Linear operations with kernels, wherever the kernels come from, and their transposes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import keras
import tensorflow as tf

from tf_fragile.backprop.linear import Affine

Kernels = tuple[tf.Tensor, ...]
Weights = tuple[Kernels, tf.Tensor | None]


@dataclass(frozen=True, eq=False)
class Reweighted:
    """A linear map whose kernels and bias are computed from current variables at call time.

    Stands in a canonized graph for a folded batch norm, a stage of a separable convolution or a
    batch norm seen as a depthwise convolution.

    Attributes:
      layer: the user's layer whose output this computes.
      linear: `(x, kernels) -> z`, the map without bias.
      weights: `x -> (kernels, bias)`; only the shape and dtype of `x` may matter.
    """

    layer: keras.Layer
    linear: Callable[[tf.Tensor, Kernels], tf.Tensor]
    weights: Callable[[tf.Tensor], Weights]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The pre-activation for input `x`."""
        kernels, bias = self.weights(x)
        z = self.linear(x, tuple(tf.cast(kernel, x.dtype) for kernel in kernels))
        return z if bias is None else z + tf.cast(bias, z.dtype)


Weighted = Affine | Reweighted


def is_linear(operation: Any) -> TypeGuard[Weighted]:
    """Whether `operation` is a linear map with kernels, the layers that rules are about."""
    return isinstance(operation, (Affine, Reweighted))


def weights_of(operation: Weighted, x: tf.Tensor) -> Weights:
    """Kernels and bias of `operation` for inputs like `x`, in the dtype of `x`."""
    if isinstance(operation, Reweighted):
        kernels, bias = operation.weights(x)
    else:
        kernels, bias = operation.kernels, operation.bias
    kernels = tuple(tf.cast(kernel, x.dtype) for kernel in kernels)
    return kernels, None if bias is None else tf.cast(bias, x.dtype)


def transpose(operation: Weighted, x: tf.Tensor, s: tf.Tensor, kernels: Kernels) -> tf.Tensor:
    """`Wᵀ s`: the vector-Jacobian product of `operation.linear` with `kernels`.

    Args:
      x: an input [B, ...]; only its shape matters.
      s: what comes from above, of the shape of the operation's output.
      kernels: the kernels to use.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        z = operation.linear(x, kernels)
    return tape.gradient(z, x, output_gradients=tf.cast(s, z.dtype))
