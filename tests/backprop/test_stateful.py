"""Models that are no function of their input are refused, and left as they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.errors import InputError

L = keras.layers
X = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")


class Counting(L.Layer):
    """Adds how often it was called."""

    def build(self, shape: Any) -> None:
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any) -> Any:
        self.count.assign_add(1.0)
        return x + self.count


class Noisy(L.Layer):
    """Draws anew at every call."""

    def call(self, x: Any) -> Any:
        return x + tf.random.normal(tf.shape(x))


class Seeded(L.Layer):
    """Draws from a generator of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)


class OverBatch(L.Layer):
    """Centres over the batch."""

    def call(self, x: Any) -> Any:
        return x - tf.reduce_mean(x, 0, keepdims=True)


class Hidden(keras.Model):
    def __init__(self, layer: keras.Layer) -> None:
        super().__init__()
        self.parts = {"first": [layer]}
        self.top = L.Dense(3)

    def call(self, x: Any) -> Any:
        return self.top(tf.reshape(self.parts["first"][0](x), [tf.shape(x)[0], -1]))


def stacked(layer: keras.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((6, 4)), layer, L.Flatten(), L.Dense(3)])


def recurrent(layer: Callable[..., keras.Layer]) -> keras.Model:
    return keras.Sequential([keras.Input(batch_shape=(2, 6, 4)), layer(), L.Dense(3)])


CASES: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "LSTM": (lambda: recurrent(lambda: L.LSTM(5, stateful=True)), "is stateful"),
    "GRU": (lambda: recurrent(lambda: L.GRU(5, stateful=True)), "is stateful"),
    "bidirectional": (
        lambda: recurrent(lambda: L.Bidirectional(L.SimpleRNN(3, stateful=True))),
        "is stateful",
    ),
    "counting": (lambda: stacked(Counting()), r"give different outputs \(variable"),
    "noisy": (lambda: stacked(Noisy()), "give different outputs"),
    "seeded": (lambda: stacked(Seeded()), "give different outputs"),
    "over the batch": (lambda: stacked(OverBatch()), "depends on the other samples"),
    "dropout left on": (
        lambda: Hidden(_Always(L.Dropout(0.5))),
        "give different outputs",
    ),
    "hidden in a subclass": (lambda: Hidden(Counting()), "give different outputs"),
}


class _Always(L.Layer):
    """Another layer, in training for ever."""

    def __init__(self, layer: keras.Layer) -> None:
        super().__init__()
        self.inner = layer

    def call(self, x: Any) -> Any:
        return self.inner(x, training=True)


@pytest.mark.parametrize("method", ["gradient", "lrp_epsilon"])
@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_and_nothing_of_it_has_moved(name: str, method: str) -> None:
    build, sentence = CASES[name]
    model = build()
    model(X)  # builds it
    before = [v.numpy() for v in model.variables]
    with pytest.raises(InputError, match=sentence):
        tff.explain(method, model)(X, 1)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_dropout_that_is_off_at_inference_is_no_reason() -> None:
    model = stacked(L.Dropout(0.5))
    assert tff.explain("gradient", model)(X, 1).shape == X.shape
