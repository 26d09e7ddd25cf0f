"""What Keras says: scores, gradients and paths of a design by `tf.GradientTape` on its own model.

Nothing here uses `tf_fragile`; it is what `tf_fragile` is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from designs.design import Pair

Map = Any  # arrays [B, ...] in the nesting of the inputs


@dataclass(frozen=True, eq=False)
class Oracle:
    """The scores of the classes that a model predicts for `x`.

    Attributes:
      pair: the model and its twin that ends in logits.
      x: inputs, NumPy, in the model's nesting.
      label: int [B], what the user's own model says.
    """

    pair: Pair
    x: Any
    label: np.ndarray

    def score(self, x: Any) -> tf.Tensor:
        """The logit [B] of the label; with one unit z, z for class 1 and -z for class 0."""
        z = self.pair.logits(x, training=False)
        return _of_label(tf.cast(z, tf.float32), self.label)

    def gradient(self, x: Any) -> Map:
        """The score's gradient by `x`, zero where it does not depend on it."""
        x = tf.nest.map_structure(tf.convert_to_tensor, x)
        zero = tf.UnconnectedGradients.ZERO
        with _as_users_run():
            with tf.GradientTape() as tape:
                tape.watch(x)
                score = self.score(x)
            return numpy(tape.gradient(score, x, unconnected_gradients=zero))

    def path(self, points: np.ndarray, weights: np.ndarray) -> tuple[Map, float]:
        """Integrated gradients from zero, and how far they move with the rounding of their points.

        A deep network's ReLUs flip somewhere on a path: rounding decides which. Points are moved by
        a millionth, and computed in float32 instead of rounded to it once.
        """
        there = self._path(points, weights)
        others = (points * (1 - 1e-6), points.astype("float32"))
        return there, max(distance(self._path(other, weights), there) for other in others)

    def _path(self, points: np.ndarray, weights: np.ndarray) -> Map:
        total = tf.nest.map_structure(lambda leaf: np.zeros_like(leaf, "float64"), self.x)
        for point, weight in zip(points, weights, strict=True):
            at = tf.nest.map_structure(lambda leaf, a=point: (a * leaf).astype(leaf.dtype), self.x)
            there = self.gradient(at)
            total = tf.nest.map_structure(lambda t, g, w=weight: t + w * g, total, there)
        return tf.nest.map_structure(np.multiply, self.x, total)

    def places(self, layer: str) -> np.ndarray:
        """Grad-CAM [B, H, W] of a layer's output, upsampled bilinearly."""
        inner = self.pair.logits.get_layer(layer).output
        both = keras.Model(self.pair.logits.input, [inner, self.pair.logits.output])
        with tf.GradientTape() as tape:
            features, z = both(self.x, training=False)
            score = _of_label(z, self.label)
        weights = tf.reduce_mean(tape.gradient(score, features), [1, 2], keepdims=True)
        spoken = tf.reduce_sum(tf.cast(weights * features, tf.float32), -1, keepdims=True)
        full = tf.image.resize(tf.nn.relu(spoken), self.x.shape[1:3])[..., 0]
        return np.asarray(full)

    def check(self) -> None:
        """Refuses a design whose tape has nothing to compare with, which would pass as right.

        Raises:
          ValueError: the gradient is zero or not finite.
        """
        size = np.linalg.norm(flat(self.here))
        if not (np.isfinite(size) and size > 0):
            raise ValueError(f"The tape's gradient of {self.pair.model.name!r} has norm {size}.")

    @cached_property
    def here(self) -> Map:
        """The score's gradient at `x`."""
        return self.gradient(self.x)

    @cached_property
    def value(self) -> np.ndarray:
        """[B]: the score at `x`."""
        return np.asarray(self.score(self.x))

    @cached_property
    def difference(self) -> np.ndarray:
        """[B]: the score at `x` minus the score at zero."""
        origin = tf.nest.map_structure(np.zeros_like, self.x)
        return np.asarray(self.value - self.score(origin).numpy())

    @cached_property
    def noise_floor(self) -> float:
        """How far the gradient itself moves when `x` does by one part in a million."""
        near = tf.nest.map_structure(lambda leaf: (leaf * (1 + 1e-6)).astype(leaf.dtype), self.x)
        return distance(self.gradient(near), self.here)


@contextmanager
def _as_users_run() -> Iterator[None]:
    """Keras compiles grouped convolutions, whose gradient TensorFlow lacks op by op on CPUs."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(False)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def make_oracle(pair: Pair, x: Any) -> Oracle:
    """The oracle of a pair at `x`."""
    return Oracle(pair, x, labels(pair, x))


def labels(pair: Pair, x: Any) -> np.ndarray:
    """What the user's own model says, int [B]: the arg max, or whether one unit is above half."""
    y = np.asarray(pair.model(x, training=False), "float32")
    if y.shape[-1] > 1:
        return np.asarray(y.argmax(-1))
    return np.asarray(y[:, 0] > (0.0 if pair.model is pair.logits else 0.5), int)


def _of_label(z: tf.Tensor, label: np.ndarray) -> tf.Tensor:
    both = tf.concat([-z, z], -1) if z.shape[-1] == 1 else z
    return tf.gather(both, label, batch_dims=1)


def distance(a: Map, b: Map) -> float:
    """‖a − b‖ / ‖b‖ of all entries; infinite where only `b` is zero."""
    flat_a, flat_b = flat(a), flat(b)
    size, off = np.linalg.norm(flat_b), np.linalg.norm(flat_a - flat_b)
    return float(off / size) if size else (0.0 if off == 0 else float("inf"))


def flat(maps: Map) -> np.ndarray:
    """All entries of one or several arrays, float64."""
    return np.concatenate([np.asarray(m, "float64").ravel() for m in tf.nest.flatten(maps)])


def sums(maps: Map) -> np.ndarray:
    """[B], float64: the sum over everything but the batch."""
    leaves = [np.asarray(m, "float64") for m in tf.nest.flatten(maps)]
    total: np.ndarray = np.sum([m.reshape(len(m), -1).sum(1) for m in leaves], 0)
    return total


def numpy(tensors: Any) -> Map:
    """Tensors as NumPy arrays."""
    return tf.nest.map_structure(lambda t: np.asarray(tf.convert_to_tensor(t)), tensors)
