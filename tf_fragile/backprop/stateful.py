"""Models that are no function of their input: what they answer depends on what came before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError

Answer = TypeVar("Answer", bound=tuple[Any, ...])


def check_stateless(model: keras.Model) -> None:
    """Refuses a model with a layer that keeps its state, before it is called and moved.

    Raises:
      InputError: names the layer.
    """
    for layer in layers_within(model):
        if getattr(layer, "stateful", False):
            raise InputError(
                f"Layer {layer.name!r} ({type(layer).__name__}) of model {model.name!r} is "
                "stateful: every call depends on those before it; rebuild it with stateful=False."
            )


def check_repeatable(
    model: keras.Model, x: Any, first: Callable[[], Answer], outputs: Callable[[Any], tf.Tensor]
) -> Answer:
    """What `first` finds, and a refusal where asking again gives something else.

    Args:
      model: the user's model; variables that a call writes are restored.
      x: inputs [B, ...].
      first: asks the model on `x`, whatever it asks; its first result are the outputs.
      outputs: what the model answers.

    Raises:
      InputError: a variable is written, or two equal calls differ.
    """
    before = [(v, v.numpy()) for v in model.variables if not v.trainable]
    try:
        answer = first()
        found, again = answer[0], outputs(x).numpy()
        written = [v for v, value in before if not np.array_equal(v.numpy(), value, equal_nan=True)]
    finally:
        for variable, value in before:
            variable.assign(value)
    if not np.array_equal(found, again, equal_nan=True):
        where = f" (variable {written[0].path!r} changes)" if written else ""
        raise InputError(
            f"Two equal calls of model {model.name!r} give different outputs{where}: something in "
            "it is random or keeps a state also at inference; rebuild it without, such as a "
            "Dropout that is left on."
        )
    return answer


def check_alone(
    model: keras.Model, x: Any, found: np.ndarray, outputs: Callable[[Any], tf.Tensor]
) -> None:
    """Refuses a model that computes a sample otherwise in other company.

    Args:
      model: the user's model.
      x: inputs [B, ...].
      found: what the model answers to them together [B, units].
      outputs: what the model answers.

    Raises:
      InputError: the first sample's output depends on the others in its batch.
    """
    if len(found) > 1 and not _has_fixed_batch(model):
        alone = outputs(tf.nest.map_structure(lambda leaf: leaf[:1], x)).numpy()
        finite = np.isfinite(found[0]) & np.isfinite(alone[0])
        scale = max(1e-6, float(np.abs(found[0][finite]).max(initial=0)))
        if np.abs(alone[0][finite] - found[0][finite]).max(initial=0) > 0.02 * scale:
            raise InputError(
                f"The output of model {model.name!r} for a sample depends on the other samples of "
                "its batch; rebuild it so that each is computed by itself."
            )


def _has_fixed_batch(model: keras.Model) -> bool:
    return any(t.shape[0] is not None for t in getattr(model, "inputs", None) or [])


def layers_within(layer: keras.Layer, seen: set[int] | None = None) -> Iterator[keras.Layer]:
    """All layers inside `layer`, whatever attribute or container they are kept in."""
    seen = set() if seen is None else seen
    waiting: list[Any] = [*getattr(layer, "layers", []), *vars(layer).values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, keras.Layer):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
                yield from layers_within(value, seen)
        elif isinstance(value, (list, tuple, set)):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
