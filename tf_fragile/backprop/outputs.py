"""What outputs look like, for models of which the operations don't tell."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.head import REMEDY, Head
from tf_fragile.errors import InputError

# The types of half precision, the coarser one first, with the step from 1 to the next number.
_HALF = ((tf.bfloat16.as_numpy_dtype, 2.0**-7), (np.float16, 2.0**-10))


def check_outputs(head: Head, outputs: np.ndarray, name: str) -> None:
    """Refuses outputs that are no logits, where nothing else tells.

    Args:
      head: what is believed of them.
      outputs: of the user's model [B, units].
      name: the model's.

    Raises:
      InputError: they are probabilities or their logarithms.
    """
    if head.known:
        return
    what = ""
    if looks_like_probabilities(outputs):
        what = "probabilities"
    elif _looks_like_log_probabilities(outputs):
        what = "logarithms of probabilities"
    elif outputs.size and outputs.min() >= 0 and outputs.max() <= 1:
        what = "numbers from 0 to 1, which look like probabilities,"
    if what:
        raise InputError(
            f"Model {name!r} returns {what} from code that can't be stripped of its last step; "
            f"{REMEDY} (head='logits' if they are logits all the same)."
        )


def looks_like_probabilities(outputs: np.ndarray) -> bool:
    """Whether every row of `outputs` [B, C] is non-negative and sums to one, but for rounding."""
    return _share_out(np.asarray(outputs, np.float64), _tolerance(outputs))


def _looks_like_log_probabilities(outputs: np.ndarray) -> bool:
    wide = np.asarray(outputs, np.float64)
    return bool((wide <= 0).all()) and _share_out(np.exp(wide), _tolerance(outputs))


def _share_out(shares: np.ndarray, tolerance: float) -> bool:
    sums = shares.sum(-1)
    several = shares.shape[-1] > 1
    return several and bool((shares >= 0).all() and (abs(sums - 1) < tolerance).all())


def _tolerance(outputs: np.ndarray) -> float:
    """How far sums may be from one: half precision, kept in wider numbers, shows in the values."""
    with np.errstate(over="ignore"):
        narrowed = [(outputs.astype(narrow), step) for narrow, step in _HALF]
    for values, step in narrowed:
        if np.array_equal(values.astype(outputs.dtype), outputs):
            return 4 * step
    return 1e-3
