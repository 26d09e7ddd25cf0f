"""Tiny models that between them have every wiring that an explainer must survive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

layers = keras.layers


@dataclass(frozen=True)
class Tiny:
    """A model and a batch of four inputs for it, an array or a mapping of arrays by name."""

    model: keras.Model
    x: Any


def tiny(wiring: str, activation: str = "relu", dtype: str = "float32") -> Tiny:
    """A model with random weights and inputs, the same each time.

    Args:
      wiring: one of `WIRINGS`.
      activation: of its layers, as Keras names it.
      dtype: of weights, inputs and computation.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        keras.utils.set_random_seed(3)
        model = WIRINGS[wiring](activation)
    finally:
        keras.config.set_dtype_policy(before)
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:  # zero biases would hide mistakes
        variable.assign(variable.numpy() + 0.1 * rng.standard_normal(variable.shape))

    def draw(shape: tuple[int, ...]) -> Any:
        return rng.standard_normal((4, *shape)).astype(dtype)

    if wiring == "two_inputs":
        return Tiny(model, {"image": draw((9, 9, 3)), "row": draw((5,))})
    return Tiny(model, draw((7,) if wiring in ("tabular", "one_unit") else (9, 9, 3)))


def _classify(x: Any, activation: Any = None) -> Any:
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(x)
    return layers.Dense(4, activation=activation)(x)


def _plain(act: str) -> keras.Model:
    x = keras.Input((9, 9, 3))
    h = layers.Conv2D(4, 3, strides=2, padding="same", activation=act)(x)
    h = layers.MaxPooling2D(2)(h)
    return keras.Model(x, _classify(h, "softmax"))


def _sequential(act: str) -> keras.Model:
    stack = [keras.Input((9, 9, 3)), layers.Conv2D(4, 3, activation=act), layers.Flatten()]
    return keras.Sequential([*stack, layers.Dense(4), layers.Softmax()])


def _nested(act: str) -> keras.Model:
    inner_in = keras.Input((9, 9, 3))
    inner = keras.Model(inner_in, layers.Conv2D(3, 3, activation=act)(inner_in))
    x = keras.Input((9, 9, 3))
    outer = keras.Sequential([keras.Input((9, 9, 3)), layers.Rescaling(0.5), inner])
    return keras.Model(x, _classify(layers.Add()([outer(x), inner(x)])))


def _shared(act: str) -> keras.Model:
    conv = layers.Conv2D(3, 3, padding="same", activation=act)
    x = keras.Input((9, 9, 3))
    return keras.Model(x, _classify(conv(conv(x))))


def _residual(act: str) -> keras.Model:
    x = keras.Input((9, 9, 3))
    h = layers.Conv2D(4, 3, padding="same", activation=act)(x)
    branch = layers.Conv2D(4, 3, padding="same")(h)
    h = layers.Activation(act)(layers.Add()([h, branch]))
    return keras.Model(x, _classify(layers.GlobalAveragePooling2D()(h)))


def _branches(act: str) -> keras.Model:
    """Concatenations and pools that the cheaper gradient moves around."""
    x = keras.Input((9, 9, 3))
    a = layers.Conv2D(3, 1, activation=act)(x)
    b = layers.Conv2D(2, 3, padding="same", activation=act)(x)
    h = layers.MaxPooling2D(3, 2)(layers.Concatenate()([a, b]))
    c = layers.Conv2D(3, 1, activation=act)(h)
    d = layers.Conv2D(2, 3, padding="same", activation=act)(h)
    h = layers.Conv2D(4, 1, activation=act)(layers.Concatenate()([c, d]))
    return keras.Model(x, layers.GlobalAveragePooling2D()(h))


def _batch_norm(act: str) -> keras.Model:
    x = keras.Input((9, 9, 3))
    h = layers.Conv2D(4, 3, use_bias=False)(x)
    norm = layers.BatchNormalization()
    h = layers.Activation(act)(norm(h))
    model = keras.Model(x, _classify(h))
    rng = np.random.default_rng(1)
    norm.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in norm.get_weights()])
    return model


def _relu_layer(act: str) -> keras.Model:
    activation = layers.ReLU() if act == "relu" else layers.Activation(act)
    x = keras.Input((9, 9, 3))
    return keras.Model(x, _classify(activation(layers.Conv2D(4, 3)(x))))


def _functional_relu(act: str) -> keras.Model:
    x = keras.Input((9, 9, 3))
    return keras.Model(x, _classify(getattr(keras.ops, act)(layers.Conv2D(4, 3)(x))))


def _two_inputs(act: str) -> keras.Model:
    image, row = keras.Input((9, 9, 3), name="image"), keras.Input((5,), name="row")
    h = layers.Flatten()(layers.Conv2D(3, 3, strides=2, activation=act)(image))
    h = layers.Concatenate()([h, layers.Dense(4, activation=act)(row)])
    return keras.Model({"image": image, "row": row}, layers.Dense(4)(h))


def _tabular(act: str) -> keras.Model:
    x = keras.Input((7,))
    return keras.Model(x, layers.Dense(4)(layers.Dense(6, activation=act)(x)))


def _one_unit(act: str) -> keras.Model:
    x = keras.Input((7,))
    h = layers.Dense(6, activation=act)(x)
    return keras.Model(x, layers.Dense(1, activation="sigmoid")(h))


class Subclassed(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A model without a graph."""

    def __init__(self, act: str) -> None:
        super().__init__()
        self.conv = layers.Conv2D(4, 3, activation=act)
        self.top = layers.Dense(4)

    def call(self, x: Any) -> Any:
        """The logits of `x`."""
        return self.top(keras.ops.mean(self.conv(x), axis=(1, 2)))


def _subclassed(act: str) -> keras.Model:
    model = Subclassed(act)
    model(np.zeros((1, 9, 9, 3)))
    return model


WIRINGS: Mapping[str, Callable[[str], keras.Model]] = {
    "plain": _plain,
    "sequential": _sequential,
    "nested": _nested,
    "shared": _shared,
    "residual": _residual,
    "branches": _branches,
    "batch_norm": _batch_norm,
    "relu_layer": _relu_layer,
    "functional_relu": _functional_relu,
    "two_inputs": _two_inputs,
    "tabular": _tabular,
    "one_unit": _one_unit,
    "subclassed": _subclassed,
}
"""By name, from an activation to a model."""
