"""Are a user's nested inputs what the model takes them for? The door is compared with Keras'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError

# By model, the nestings in which it has been asked.
_ASKED: WeakKeyDictionary[keras.Model, set[str]] = WeakKeyDictionary()
_ALIKE = 1e-4  # of the largest output; inputs are cut to float32 on both ways
_HALF_ALIKE = 3e-2
_NOT_TAKEN = (ValueError, TypeError, KeyError, AttributeError, RuntimeError, tf.errors.OpError)


def check_nesting(
    model: keras.Model,
    given: Any,
    flat: Any,
    outputs: Callable[[Any], tf.Tensor],
    *,
    batch: int,
    half: bool,
) -> None:
    """Refuses nested inputs that the model itself takes for others; once a model and nesting.

    Keras flattens an `OrderedDict` in its own order and a dict by its sorted keys, and where one is
    given for the other, it confuses the inputs. A nesting that the model does not take, though its
    inputs can be told by name, has nothing to be compared with.

    Args:
      model: the user's.
      given: its inputs [B, ...] as the user nested them.
      flat: the same as methods take them.
      outputs: what the model answers to these.
      batch: how many samples to compare, all that the model takes where it takes no other number.
      half: whether something in it is in half precision.

    Raises:
      InputError: its answers differ; names the inputs.
    """
    nesting = repr(keras.tree.map_structure(lambda _: 0, given))
    if not keras.tree.is_nested(given) or nesting in _ASKED.get(model, ()):
        return
    rows = np.arange(batch) % len(keras.tree.flatten(flat)[0])

    def few(leaf: Any) -> tf.Tensor:
        return tf.gather(tf.convert_to_tensor(leaf), rows)

    try:
        (expected,) = keras.tree.flatten(
            model(keras.tree.map_structure(few, given), training=False)
        )
    except _NOT_TAKEN:
        return
    found = outputs(tf.nest.map_structure(few, flat))
    off = _difference(np.asarray(found, np.float64), np.asarray(expected, np.float64))
    if not off <= (_HALF_ALIKE if half else _ALIKE):
        raise InputError(
            f"Keras takes the inputs {_named(given)} of model {model.name!r} for others than "
            f"their names say: its outputs differ by {off:.1e} of theirs; explain "
            "keras.Model(model.inputs, model.outputs) with a list in that order: "
            f"{', '.join(repr(tensor.name) for tensor in model.inputs)}."
        )
    _ASKED.setdefault(model, set()).add(nesting)


def _named(given: Any) -> str:
    if isinstance(given, Mapping):
        return ", ".join(map(repr, given))
    return f"in a nested {type(given).__name__}"


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest, as a share of the largest value; what is not finite tells nothing."""
    finite = np.isfinite(expected) & np.isfinite(found)
    size = np.abs(expected[finite]).max(initial=1e-30)
    return float(np.abs(found[finite] - expected[finite]).max(initial=0) / size)
