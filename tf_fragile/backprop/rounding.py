"""Is the precision of a model enough to tell what it answers? Some amplify the last digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.faithful import difference
from tf_fragile.errors import InputError

_UNITS = 2  # in the last place
_SCATTER = 1e3  # neighbouring grey levels go different ways, in whatever scale they are
# The logits of networks of 400 layers with random weights move by 4e-4 of the largest, of trained
# ones by less; where those of chaotic ones move by 9e-3, their gradients do by a tenth or all.
_MOST = 5e-3


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


def check_determined(name: str, digits: str, here: np.ndarray, near: np.ndarray) -> float:
    """Refuses a model whose scores are rounding in part, and so its explanations, whoever's.

    Gradients are not looked at: where two pixels are even in a maximum, rounding moves the whole
    of one from one to the other, and that is no fault of the model.

    Args:
      name: the model's.
      digits: the float type that it computes in.
      here: its logits [B, units] for some inputs.
      near: those for the inputs `nudged`.

    Returns:
      How far they moved, as a share of the largest.

    Raises:
      InputError: they moved by more than a derivative could make them.
    """
    moved = difference(near, here)
    if moved > _MOST:
        size = f"{moved:.2g} of the largest" if moved <= 1 else "more than all of them"
        wider = "; check that its weights are trained"
        if digits == "float32":
            wider += ", or build it in float64 (keras.config.set_floatx('float64'))"
        raise InputError(
            f"The scores of model {name!r} move by {size} when its input does in the last digit of "
            f"{digits}, so that any explanation of it would be rounding in part{wider}."
        )
    return moved
