"""A trained-enough image classifier with kinks, and a smooth one, both tiny."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.attacks import trusting

layers = keras.layers


def convnet(activation: str = "relu", dtype: str = "float32") -> keras.Model:
    """A 12x12 three-class net with random weights; margins are wide enough to attack within."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        keras.utils.set_random_seed(2)
        x = keras.Input((12, 12, 3))
        h = layers.Conv2D(8, 3, padding="same", activation=activation)(x)
        h = layers.Conv2D(8, 3, strides=2, padding="same", activation=activation)(h)
        h = layers.Conv2D(8, 3, padding="same", activation=activation)(h)
        return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))
    finally:
        keras.config.set_dtype_policy(before)


def pictures(count: int = 6, dtype: str = "float32") -> np.ndarray:
    """Smooth pictures in 0..255."""
    rng = np.random.default_rng(4)
    coarse = rng.uniform(20, 235, (count, 4, 4, 3))
    fine = coarse.repeat(3, axis=1).repeat(3, axis=2) + rng.normal(0, 8, (count, 12, 12, 3))
    return np.clip(fine, 0, 255).astype(dtype)


@pytest.fixture
def net() -> keras.Model:
    return convnet()


@pytest.fixture
def images() -> np.ndarray:
    return pictures()


@pytest.fixture(scope="session")
def make_net():
    return convnet


@pytest.fixture(scope="session")
def make_images():
    return pictures


@pytest.fixture
def op_by_op() -> Iterator[None]:
    """Functions run operation by operation: quicker than tracing a loop of few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def told():
    """A network with some of its properties as told: `told(network, task="labels")`."""

    def make(network, **properties):
        own = {
            name: property(lambda self, value=value: value) for name, value in properties.items()
        }
        kind = type("Told", (type(network),), own)
        return kind(**{field.name: getattr(network, field.name) for field in fields(network)})

    return make


@pytest.fixture
def gated() -> None:
    """Asked for by tests of attacks that the derivative gate comes before."""


@pytest.fixture(autouse=True)
def attacks_trust_their_derivatives(request, monkeypatch) -> None:
    """Elsewhere the gate is not run: it takes seconds a net, and these nets have passed it."""
    if "gated" not in request.fixturenames:
        monkeypatch.setattr(trusting, "_trust", lambda *_: trusting.Trust("as_is", ""))
