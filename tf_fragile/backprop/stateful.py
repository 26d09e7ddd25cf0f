"""Models that are no function of their input: what they answer depends on what came before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError


def check_stateless(model: keras.Model, x: Any, outputs: Callable[[Any], tf.Tensor]) -> None:
    """Asks a model twice the same and refuses it where anything changes; what changed is restored.

    Args:
      model: the user's model.
      x: inputs [B, ...].
      outputs: what the model answers.

    Raises:
      InputError: a recurrent layer keeps its state, a variable is written, two equal calls differ,
        or a sample's output depends on the others in its batch.
    """
    for layer in layers_within(model):
        if getattr(layer, "stateful", False):
            raise InputError(
                f"Layer {layer.name!r} ({type(layer).__name__}) of model {model.name!r} is "
                "stateful: every call depends on those before it; rebuild it with stateful=False."
            )
    before = [(v, v.numpy()) for v in model.variables if not v.trainable]
    first, second = outputs(x).numpy(), outputs(x).numpy()
    written = [v for v, value in before if not np.array_equal(v.numpy(), value, equal_nan=True)]
    for variable, value in before:
        variable.assign(value)
    if not np.array_equal(first, second, equal_nan=True):
        where = f" (variable {written[0].path!r} changes)" if written else ""
        raise InputError(
            f"Two equal calls of model {model.name!r} give different outputs{where}: something in "
            "it is random or keeps a state also at inference; rebuild it without, such as a "
            "Dropout that is left on."
        )
    if len(first) > 1 and not model_has_fixed_batch(model):
        alone = outputs(tf.nest.map_structure(lambda leaf: leaf[:1], x)).numpy()
        finite = np.isfinite(first[0]) & np.isfinite(alone[0])
        scale = max(1e-6, float(np.abs(first[0][finite]).max(initial=0)))
        if np.abs(alone[0][finite] - first[0][finite]).max(initial=0) > 0.02 * scale:
            raise InputError(
                f"The output of model {model.name!r} for a sample depends on the other samples of "
                "its batch; rebuild it so that each is computed by itself."
            )


def model_has_fixed_batch(model: keras.Model) -> bool:
    """Whether the model takes batches of one size only."""
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
