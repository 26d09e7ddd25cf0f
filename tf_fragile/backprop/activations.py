"""Activations, however they were written, as one kind of operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

# Non-decreasing on the whole line, so they commute with a maximum.
MONOTONE = frozenset({"relu", "relu6", "leaky_relu", "softplus", "sigmoid", "tanh", "elu", "selu"})
MONOTONE |= {"smooth_relu", "smooth_leaky_relu"}
HEADS = frozenset({"softmax", "sigmoid"})
_LAYERS = {
    keras.layers.ReLU: "relu",
    keras.layers.LeakyReLU: "leaky_relu",
    keras.layers.ELU: "elu",
    keras.layers.Softmax: "softmax",
}
# Functional operations arrive as objects of private classes, so they are known by class name.
_OPERATIONS = {
    "Relu": "relu",
    "Relu6": "relu6",
    "LeakyRelu": "leaky_relu",
    "Softplus": "softplus",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Elu": "elu",
    "Selu": "selu",
    "Gelu": "gelu",
    "Silu": "silu",
    "Softmax": "softmax",
    "HardSigmoid": "hard_sigmoid",
}


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation function of one tensor.

    Attributes:
      kind: its Keras name, e.g. `"relu"`; parameters that change the function change the kind.
        `"smooth_relu"` stands in for a ReLU while an attack takes derivatives.
      function: the function itself.
    """

    kind: str
    function: Callable[[tf.Tensor], tf.Tensor]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The activation of `x`, same shape and dtype."""
        return self.function(x)

    @property
    def monotone(self) -> bool:
        """Whether the function never decreases."""
        return self.kind in MONOTONE


def fused_activation(layer: keras.Layer) -> Activation | None:
    """The activation that `layer` applies after its affine part, `None` if it is linear."""
    function = getattr(layer, "activation", None)
    if function is None or function is keras.activations.linear:
        return None
    return Activation(function_kind(function), function)


def as_activation(operation: Any) -> Activation | None:
    """`operation` as an activation if it is one (layer or functional), else `None`."""
    if isinstance(operation, keras.layers.Activation):
        return fused_activation(operation) or Activation("linear", keras.activations.linear)
    kind = _LAYERS.get(type(operation))
    if kind is None and not isinstance(operation, keras.Layer):
        kind = _OPERATIONS.get(type(operation).__name__)
    if kind is None:
        return None
    if isinstance(operation, keras.layers.ReLU):
        kind = _relu_kind(operation)
    return Activation(kind, operation)


def function_kind(function: Callable[..., Any]) -> str:
    """The Keras name of an activation function, or its Python name."""
    if isinstance(function, keras.Layer):
        inner = as_activation(function)
        return inner.kind if inner is not None else type(function).__name__
    return getattr(function, "__name__", type(function).__name__)


def _relu_kind(layer: keras.layers.ReLU) -> str:
    if layer.threshold:
        return "thresholded_relu"
    if layer.negative_slope:
        return "leaky_relu" if layer.max_value is None else "clipped_leaky_relu"
    return {None: "relu", 6.0: "relu6"}.get(layer.max_value, "clipped_relu")
