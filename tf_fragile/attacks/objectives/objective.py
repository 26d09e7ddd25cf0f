"""What an attack makes of the map: the quantity it raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError, shown
from tf_fragile.settings import described, names_in

# That module imports this one.
RULES = names_in("tf_fragile.attacks.selection:SELECTIONS")


class Objective(Protocol):
    """An objective on maps [N, ...] that are non-negative and sum to 1."""

    @property
    def select(self) -> str:
        """The rule of `selection` by which the best iterate is kept unless told otherwise."""

    @property
    def stationary_start(self) -> bool:
        """Whether the gradient is zero at the clean input, so that it must not start there."""

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` where the objective does not fit maps of this shape."""

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """What stays fixed during the attack, [N, ...], from the clean maps."""

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """The quantity [N] to raise, differentiable in `maps`."""


def arrays_of(objective: Callable[..., Objective]) -> tuple[str, ...]:
    """The settings without which an objective can't be: arrays that have no default."""
    settings = described(objective).items()
    return tuple(name for name, one in settings if one.values and one.default is None)


def same_positions(given: Any, maps: tf.TensorShape, what: str) -> np.ndarray:
    """`given` as an array; raises `InputError` unless it has a number for each place of the maps.

    Args:
      given: one array for all samples, or one for each.
      maps: shape of the maps, batch first.
      what: what it is, for the error, e.g. `"target region"`.
    """
    one, each = maps[1:], maps
    try:
        array = np.asarray(given, np.float64)
    except (TypeError, ValueError):  # a dict, a ragged list
        raise InputError(
            f"The {what} is {shown(given)}; give an array of the map's shape."
        ) from None
    fits_all = array.ndim == one.rank and one.is_compatible_with(array.shape)
    fits_each = array.ndim == each.rank and each.is_compatible_with(array.shape)
    if not (fits_all or fits_each):
        raise InputError(
            f"The {what} has shape {array.shape}, the maps have {tuple(one)} in a batch of "
            f"{each[0]}; give an array of the map's shape, or one for each sample."
        )
    return array


def for_each(given: Any, reference: tf.Tensor) -> tf.Tensor:
    """`given` in the dtype of `reference`, repeated for each of its samples."""
    values = tf.convert_to_tensor(np.asarray(given))
    return tf.broadcast_to(tf.cast(values, reference.dtype), tf.shape(reference))
