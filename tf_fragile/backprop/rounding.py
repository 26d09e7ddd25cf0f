"""Is the precision of a model enough to tell what it answers? Some amplify the last digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.faithful import Answer, difference, distance
from tf_fragile.errors import InputError

_UNITS = 2  # in the last place
_SCATTER = 1e3  # neighbouring grey levels go different ways, in whatever scale they are
# Networks of 200 layers with random weights move by a thousandth, chaotic ones by a tenth or all.
_MOST_OF_SCORES, _MOST_OF_SLOPES = 0.05, 0.05


def nudged(x: Any) -> Any:
    """`x` with each number moved by up to two units of its last place; integers as they are.

    Up or down by its value alone: equal numbers stay equal, for a max pool would else decide ties
    anew, and that is no rounding.
    """

    def moved(leaf: tf.Tensor) -> tf.Tensor:
        if not leaf.dtype.is_floating:
            return leaf
        way = tf.cos(_SCATTER * leaf)
        return leaf * (1 + _UNITS * np.finfo(leaf.dtype.as_numpy_dtype).eps * way)

    return tf.nest.map_structure(moved, x)


def check_determined(name: str, digits: str, answer: Answer, again: Answer) -> float:
    """Refuses a model whose scores or gradients are rounding, whoever computes them.

    Args:
      name: the model's.
      digits: the float type that it computes in.
      answer: logits for some inputs and their slopes, see `faithful.answered`.
      again: the same on those inputs `nudged`.

    Returns:
      How far the scores moved, as a share of the largest.

    Raises:
      InputError: they, or the gradient, moved by more than a derivative could make them.
    """
    (y, slopes), (near, turned) = answer, again
    moved = difference(near, y)
    bent = max((distance(a, b) for a, b in zip(turned, slopes, strict=True)), default=0.0)
    if moved > _MOST_OF_SCORES:
        raise InputError(_sentence(digits, f"scores of model {name!r} move by {_share(moved)}"))
    if bent > _MOST_OF_SLOPES:
        raise InputError(_sentence(digits, f"gradient of model {name!r} moves by {_share(bent)}"))
    return moved


def _share(size: float) -> str:
    return f"{size:.0%}" if size <= 1 else "more than all of it"


def _sentence(digits: str, what: str) -> str:
    wider = "; check that its weights are trained"
    if digits == "float32":
        wider += ", or build it in float64 (keras.config.set_floatx('float64'))"
    return (
        f"The {what} when its input does in the last digit of {digits}, so that any explanation "
        f"of it would be rounding in part{wider}."
    )
