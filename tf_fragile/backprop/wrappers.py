"""Users' layers and layers around layers, seen as what they compute outside training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

L = keras.layers
# What a subclass may define without computing anything else than its parent.
_HARMLESS = {"__init__", "build", "get_config", "from_config", "get_build_config"}


def unwrapped(operation: Any) -> Any:
    """The layer that computes what `operation` does outside training.

    Spectral normalisation writes its kernel while training and only uses it afterwards.
    """
    while type(operation) is L.SpectralNormalization:
        operation = operation.layer
    return operation


def keras_class(operation: Any) -> type:
    """The class of `keras.layers` whose computation `operation` inherits unchanged, else its own.

    `class MyDense(Dense): pass` is a Dense layer; one with a `call` or any other method of its own
    may do anything.
    """
    own: type = type(operation)
    if not isinstance(operation, keras.Layer):
        return own
    for kind in own.__mro__:
        if _is_of_keras(kind):
            return kind
        methods = {name for name, value in vars(kind).items() if _computes(name, value)}
        if methods - _HARMLESS:
            return own
    return own


def _is_of_keras(kind: type) -> bool:
    return getattr(L, kind.__name__, None) is kind


def _computes(name: str, value: Any) -> bool:
    machinery = name.startswith("__") and name != "__call__"
    return not machinery and (callable(value) or isinstance(value, (property, classmethod)))


@dataclass(frozen=True, eq=False)
class TakeStep:
    """One step of a series [B, T, ...] as [B, ...].

    Attributes:
      step: which.
    """

    step: int

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """`x[:, step]`."""
        return x[:, self.step]


@dataclass(frozen=True, eq=False)
class StackSteps:
    """Steps [B, ...] as a series [B, T, ...]."""

    def __call__(self, *steps: tf.Tensor) -> tf.Tensor:
        """The steps along a new second axis."""
        return tf.stack(steps, axis=1)
