"""What a borrowed architecture is: how it is built, what it takes, what is known about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

CLASSES = 5
BATCH = 2


@dataclass(frozen=True, eq=False)
class Pair:
    """A model as a user has it, and the same function without its head.

    Attributes:
      model: ends in whatever its author ends it in.
      logits: a Keras model of equal weights that ends in logits; what the judge differentiates.
    """

    model: keras.Model
    logits: keras.Model


@dataclass(frozen=True)
class Design:
    """One architecture.

    Attributes:
      name: as a reader knows it.
      build: the pair, with fresh weights.
      low: the smallest value of an input.
      high: the largest.
      cam: the layer whose output Grad-CAM should read; `""` where nothing has places, so that a
        map would be wrong; `None` where that is not judged.
      refuse: why a map of any kind would be wrong, in a few words; empty where one is due.
    """

    name: str
    build: Callable[[], Pair]
    low: float = -1.0
    high: float = 1.0
    cam: str | None = None
    refuse: str = ""


def ended(inputs: Any, logits: Any, head: str | None = "softmax") -> Pair:
    """The pair of one functional graph; `head` is a Keras activation, `None` for a bare one."""
    without = keras.Model(inputs, logits)
    if head is None:
        return Pair(without, without)
    # A head is float32 under every policy, as Keras' guide asks for.
    last = keras.layers.Activation(head, dtype="float32", name="head")
    return Pair(keras.Model(inputs, last(logits)), without)


def twins(build: Callable[[str | None], keras.Model]) -> Pair:
    """The pair of a builder that takes the last activation as a setting; weights are copied."""
    model, logits = build("softmax"), build(None)
    logits.set_weights(model.get_weights())
    return Pair(model, logits)


def noise(model: keras.Model, low: float, high: float, batch: int = BATCH, seed: int = 0) -> Any:
    """Uniform inputs [batch, ...] in the model's nesting; zeros and ones for int inputs."""
    rng = np.random.default_rng(seed)

    def draw(spec: Any) -> np.ndarray:
        shape = (batch, *(8 if side is None else side for side in spec.shape[1:]))
        if "int" in str(spec.dtype):
            return rng.integers(0, 2, shape).astype("int32")
        return rng.uniform(low, high, shape).astype("float32")

    # A Sequential knows its inputs only as a list.
    sequential = isinstance(model, keras.Sequential)
    return keras.tree.map_structure(draw, model.inputs[0] if sequential else model.input)


def livened(design: Design) -> Pair:
    """The pair with batch norms that do something: seeded scales and offsets, fitted statistics.

    Fresh ones are the identity, and deep random networks fade out behind them; badly fitted ones
    make a network chaotic, and a chaotic one has no gradient to compare with.
    """
    keras.utils.set_random_seed(0)
    pair = design.build()
    norms = [n for n in layers_of(pair.model) if isinstance(n, keras.layers.BatchNormalization)]
    rng = np.random.default_rng(0)
    for norm in norms:
        if norm.gamma is not None:
            norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
        if norm.beta is not None:
            norm.beta.assign(rng.uniform(-0.2, 0.2, norm.beta.shape))
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    if norms:
        pair.model(_path(noise(pair.model, design.low, design.high, 16, 3)), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    pair.logits.set_weights(pair.model.get_weights())
    return pair


def _path(x: Any) -> Any:
    """Each sample scaled by another factor between 0 and 1: what path methods see."""

    def scaled(leaf: np.ndarray) -> np.ndarray:
        factors = np.linspace(0, 1, len(leaf), dtype="float32")
        return (leaf * factors.reshape(-1, *[1] * (leaf.ndim - 1))).astype(leaf.dtype)

    return keras.tree.map_structure(scaled, x)


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Every layer of a model, those of nested models and of layers of layers, too; each once."""
    return list({id(layer): layer for layer in model._flatten_layers()}.values())
