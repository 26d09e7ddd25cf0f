"""A recipe built: the user's model, its inputs, and twins of it that end in the logits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from random_models.heads import HEADS, HeadText
from random_models.recipe import Recipe
from random_models.source import Source, UnfitError, of_floats, run, settings


@dataclass(frozen=True, eq=False)
class Subject:
    """What is judged.

    Attributes:
      recipe: where it came from.
      source: its code.
      model: as a user would have it.
      x: two samples, in the nesting that the model is fed.
      y: the model's outputs for them, float64.
      deterministic: whether equal calls give equal outputs.
      head: what the model does with its logits.
      exact: the model up to its logits, in float64; `None` where it has no logits.
    """

    recipe: Recipe
    source: Source
    model: keras.Model
    x: Any
    y: np.ndarray
    deterministic: bool
    head: HeadText
    exact: keras.Model | None

    @property
    def grouped(self) -> bool:
        """Whether it has grouped convolutions, whose derivatives TensorFlow has only in graphs."""
        return "groups=h" in self.source.code

    @cached_property
    def twin(self) -> keras.Model:
        """The model up to its logits in its own precision: where float64 and it part company."""
        return _twin(self.source, self.recipe.policy, self.model)

    @cached_property
    def logits(self) -> np.ndarray:
        """The logits of `x`, as the head reads them, in float64."""
        assert self.exact is not None
        with kept_state(self.exact):
            return outputs(self.exact(self.x, training=False))


def build(recipe: Recipe, source: Source) -> Subject:
    """Runs the program and its twin in float64, with equal weights.

    Raises:
      UnfitError: Keras itself does not run the model, or its outputs are not finite.
    """
    with settings("float32"):
        return _build(recipe, source)


def _build(recipe: Recipe, source: Source) -> Subject:
    keras.utils.clear_session(free_memory=False)  # names as in a program of its own
    names = run(source.body + source.head + source.weights + source.x, recipe.policy)
    model, x = names["model"], names["x"]
    with _of_keras(), kept_state(model):
        y, again = (outputs(model(x, training=False)) for _ in range(2))
    if not np.isfinite(y).all() or np.abs(y).max() > 1e4:
        raise UnfitError("outputs that are not finite, or huge")
    with _of_keras():
        exact = _twin(source, "floatx64", model, recipe.kind == "bytes") if source.twin else None
    same = np.allclose(y, again, 1e-6, 1e-8)
    subject = Subject(recipe, source, model, x, y, same, HEADS[recipe.head], exact)
    if exact is not None and (same or recipe.wiring == "stateful"):
        _check_twin(subject)
    return subject


@contextmanager
def _of_keras() -> Iterator[None]:
    """Whatever Keras itself can't run, the twin in float64 too, is no model to judge."""
    try:
        yield
    except Exception as error:
        raise UnfitError(f"Keras: {type(error).__name__}: {error}") from error


def _twin(source: Source, policy: str, model: keras.Model, floats: bool = False) -> keras.Model:
    """The model up to its logits; with `floats`, fed floats where the model takes whole numbers."""
    code = source.body + source.twin
    twin = run(of_floats(code) if floats else code, policy)["model"]
    if len(twin.weights) != len(model.weights):  # some layers make theirs when first called
        twin(run(source.x, policy)["x"])
    twin.set_weights(model.get_weights())
    return twin


def _check_twin(subject: Subject) -> None:
    """The twin and the head are the model: if not, the fault is here, not in the engine."""
    expected = subject.head.of_logits(subject.logits)
    size = max(1.0, np.abs(expected).max())
    if "16" not in subject.recipe.policy and np.abs(subject.y - expected).max() > 1e-3 * size:
        raise AssertionError(f"the twin is another model:\n{subject.source.code}")


def outputs(y: Any) -> np.ndarray:
    """The one output tensor, in or out of a dict, as float64."""
    (tensor,) = tf.nest.flatten(y)
    return tf.cast(tensor, tf.float64).numpy()


class kept_state:  # noqa: N801
    """Puts the variables of models back that calling them moves (states, random seeds)."""

    def __init__(self, *models: keras.Model) -> None:
        self.models = models

    def __enter__(self) -> None:
        self.values = [[v.numpy() for v in moving(model)] for model in self.models]

    def __exit__(self, *_: Any) -> None:
        for model, values in zip(self.models, self.values, strict=True):
            for variable, value in zip(moving(model), values, strict=True):
                if not np.array_equal(variable.numpy(), value):
                    variable.assign(value)


def moving(model: keras.Model) -> list[keras.Variable]:
    """What calling a model may move; states of recurrent layers are none of its variables."""
    states = [getattr(layer, "states", None) for layer in model.layers]
    held = [v for v in tf.nest.flatten(states) if isinstance(v, keras.Variable)]
    return [*(v for v in model.variables if not v.trainable), *held]
