"""Activations, however they were written, as one kind of operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.functions import MIXING, Sample, identify, never_decreases

# Non-decreasing on the whole line, so they commute with a maximum; others are asked.
MONOTONE = frozenset({"relu", "relu6", "softplus", "sigmoid", "tanh", "selu", "hard_sigmoid"})
MONOTONE |= {"smooth_relu", "smooth_leaky_relu"}
# Whose values lie between 0 and 1: the last step of a classifier.
HEADS = frozenset({"softmax", "sigmoid", "log_softmax", "sparsemax", "hard_sigmoid"})
# Functions of single entries without a name among activations.
_POINTWISE = frozenset(
    [
        "Absolute",
        "Arctan",
        "Cos",
        "Exp",
        "Expm1",
        "Log",
        "Log1p",
        "Reciprocal",
        "Rsqrt",
        "Sin",
        "Sqrt",
        "Square",
        "Erf",
    ]
)
_LAYERS = {
    keras.layers.LeakyReLU: "leaky_relu",
    keras.layers.ELU: "elu",
    keras.layers.PReLU: "prelu",
}
_ASKED = ("leaky_relu", "elu", "pointwise", "clipped_relu", "clipped_leaky_relu", "hard_tanh")
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
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "Mish": "mish",
    "Celu": "celu",
    "Softsign": "softsign",
    "LogSigmoid": "log_sigmoid",
}


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation function of one tensor.

    Attributes:
      kind: its Keras name, e.g. `"relu"`; parameters that change the function change the kind.
        `"pointwise"` and `"mixing"` are functions without one. `"smooth_relu"` stands in for a
        ReLU while an attack takes derivatives.
      function: the function itself.
      sample: the shape of one sample, where it is known.
    """

    kind: str
    function: Callable[[tf.Tensor], tf.Tensor]
    sample: Sample = ()

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The activation of `x`, same shape and dtype."""
        return self.function(x)

    @property
    def mixes(self) -> bool:
        """Whether units depend on each other, as in a softmax."""
        return self.kind in MIXING or self.kind == "mixing"

    @cached_property
    def monotone(self) -> bool:
        """Whether the function never decreases."""
        if self.kind in _ASKED:
            return never_decreases(self.function, self.sample)
        return self.kind in MONOTONE


def fused_activation(layer: keras.Layer, sample: Sample = ()) -> Activation | None:
    """The activation that `layer` applies after its affine part, `None` if it is linear.

    Args:
      layer: with or without an attribute `activation`.
      sample: the shape of one sample of its output.
    """
    function = getattr(layer, "activation", None)
    if function is None or function is keras.activations.linear:
        return None
    found = of_function(function, sample)
    return None if found.kind == "linear" else found


def as_activation(operation: Any, sample: Sample = ()) -> Activation | None:
    """`operation` as an activation if it is one, else `None`.

    Layers and operations of Keras are known by class. What users wrote (Lambdas, layers without
    variables of their own) is asked for its values, and is an activation where entries of the
    result depend on the same entries of the argument alone.

    Args:
      operation: called with one tensor.
      sample: the shape of one sample of that tensor.
    """
    if type(operation) is keras.layers.Activation:
        linear = Activation("linear", keras.activations.linear)
        return fused_activation(operation, sample) or linear
    kind = _known(operation)
    if kind is None and _is_users_own(operation):
        found = identify(operation, sample)
        kind = found if found not in (None, "mixing", *MIXING) else None
        if found in MIXING:
            kind = found
    return None if kind is None else Activation(kind, operation, sample)


def of_function(function: Callable[..., Any], sample: Sample = ()) -> Activation:
    """An activation function as it is given to a layer, known by its values."""
    if isinstance(function, keras.Layer):
        inner = as_activation(function, sample)
        return inner or Activation("mixing", function, sample)
    name = getattr(function, "__name__", "")
    if name and function is getattr(keras.activations, name, None):
        return Activation(name, function, sample)
    return Activation(identify(function, sample) or "mixing", function, sample)


def _known(operation: Any) -> str | None:
    kind = type(operation)
    if kind is keras.layers.ReLU:
        return _relu_kind(operation)
    if kind is keras.layers.Softmax:
        return "softmax" if operation.axis in (-1, (-1,), [-1]) else "mixing"
    if kind in _LAYERS:
        return _LAYERS[kind]
    if isinstance(operation, keras.Layer):
        return None
    name = kind.__name__
    if name in ("Softmax", "LogSoftmax"):
        last = operation.axis == -1
        return {"Softmax": "softmax", "LogSoftmax": "log_softmax"}[name] if last else "mixing"
    return "pointwise" if name in _POINTWISE else _OPERATIONS.get(name)


def _is_users_own(operation: Any) -> bool:
    """Whether only its values tell: a Lambda or a layer of the user's, without variables."""
    if not isinstance(operation, keras.Layer) or isinstance(operation, keras.Model):
        return False
    own = type(operation) is keras.layers.Lambda or not _is_keras_class(type(operation))
    return own and not operation.variables


def _is_keras_class(kind: type) -> bool:
    return getattr(keras.layers, kind.__name__, None) is kind


def _relu_kind(layer: keras.layers.ReLU) -> str:
    if layer.threshold:
        return "thresholded_relu"
    if layer.negative_slope:
        return "leaky_relu" if layer.max_value is None else "clipped_leaky_relu"
    return {None: "relu", 6.0: "relu6"}.get(layer.max_value, "clipped_relu")
