"""A small network of two inputs, trained on a border with a corner, and its gradient field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.explainers.gradient import input_gradient


@dataclass(frozen=True, eq=False)
class Field:
    """A two-class network on a square grid.

    Attributes:
      axis: [G] coordinates, the same for both inputs.
      logit: of class 1 [G, G], rows along input 2.
      gradient: of that logit [G, G, 2].
    """

    axis: np.ndarray
    logit: np.ndarray
    gradient: np.ndarray


def corner_data(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 2] in [-1, 1]², and whether both coordinates are above -0.1 (int [N]).

    The border between the classes is an L, so input 1 decides along one leg, input 2 along the
    other.
    """
    x = np.random.default_rng(seed).uniform(-1, 1, size=(count, 2)).astype(np.float32)
    return x, (x.min(axis=1) > -0.1).astype(np.int64)


def train(x: np.ndarray, label: np.ndarray, hidden: int, steps: int, seed: int) -> keras.Model:
    """A network 2 - `hidden` - `hidden` - 1 of softplus units (β = 5), trained in whole batches.

    Args:
      x: points [N, 2].
      label: 0 or 1 [N].
      hidden: units of each hidden layer.
      steps: updates by Adam.
      seed: of the initial weights.
    """

    def weights(layer: int) -> Any:
        return keras.initializers.GlorotNormal(seed=seed + layer)

    image = keras.Input((2,))
    h = keras.layers.Dense(hidden, _smooth_relu, kernel_initializer=weights(1))(image)
    h = keras.layers.Dense(hidden, _smooth_relu, kernel_initializer=weights(2))(h)
    model = keras.Model(image, keras.layers.Dense(1, kernel_initializer=weights(3))(h))
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    inputs, wanted = tf.constant(x), tf.constant(label[:, None], tf.float32)

    def update() -> None:
        with tf.GradientTape() as tape:
            value = loss(wanted, model(inputs, training=True))
        optimizer.apply(tape.gradient(value, model.trainable_variables))

    step = tf.function(update, autograph=False)
    for _ in range(steps):
        step()
    return model


def evaluate(network: Network, grid: int) -> Field:
    """Logit and gradient of class 1 on a `grid` x `grid` lattice over [-1, 1]²."""
    axis = np.linspace(-1, 1, grid).astype(np.float32)
    x = tf.constant(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
    one = tf.ones(len(x), tf.int32)
    logit = np.asarray(network.score(x, one)).reshape(grid, grid)
    gradient = np.asarray(input_gradient(network, x, one)).reshape(grid, grid, 2)
    return Field(axis, logit, gradient)


def field_table(field: Field) -> pd.DataFrame:
    """A field as a table, a row a point of the grid: logit and both derivatives."""
    gradient = field.gradient.reshape(-1, 2)
    columns = {"logit": field.logit.ravel(), "d1": gradient[:, 0], "d2": gradient[:, 1]}
    x1, x2 = (axis.ravel() for axis in np.meshgrid(field.axis, field.axis))
    return pd.DataFrame({"x1": x1, "x2": x2, **columns})


def field_of(table: pd.DataFrame) -> Field:
    """The field that `field_table` wrote."""
    axis = np.unique(table["x1"].to_numpy())
    side = len(axis)
    logit = table["logit"].to_numpy().reshape(side, side)
    return Field(axis, logit, table[["d1", "d2"]].to_numpy().reshape(side, side, 2))


def _smooth_relu(z: Any) -> Any:
    return keras.ops.softplus(5.0 * z) / 5.0
