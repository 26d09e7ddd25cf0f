"""What is explained: an int for each sample, from whatever the caller gave."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError


def as_target(target: Any, x: Any, network: Network) -> tf.Tensor:
    """The class to explain for each sample, int32 [B].

    Args:
      target: int, [B] ints, one-hot [B, classes], or `None` for what the model predicts: the
        class, the most probable label, or for a regression its one output.
      x: the inputs, in the model's nesting.
      network: whose logits are explained.

    Raises:
      InputError: not an integer or one-hot, wrong length, or not a class of the model.
    """
    if target is None:
        return network.top(x)
    leaf = tf.nest.flatten(x)[0]
    target = tf.convert_to_tensor(target)
    if target.shape.rank == 2:
        _check_one_hot(target)
        return tf.argmax(target, -1, output_type=tf.int32)
    if target.dtype.is_floating or target.shape.rank > 1:
        raise InputError(
            f"target has dtype {target.dtype.name} and shape {tuple(target.shape)}; give an int, "
            "one int for each sample, or one-hot rows."
        )
    target = tf.cast(target, tf.int32)
    if target.shape.rank == 0:
        target = tf.fill([tf.shape(leaf)[0]], target)
    elif not leaf.shape[:1].is_compatible_with(target.shape):
        raise InputError(f"{target.shape[0]} targets for {leaf.shape[0]} samples; give as many.")
    _check_range(target, network)
    return network.unit(target)


def _check_one_hot(target: tf.Tensor) -> None:
    if hasattr(target, "numpy"):
        rows = np.asarray(target)
        if not (np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()):
            raise InputError("A 2-D target must have one-hot rows: a single 1, zeros elsewhere.")


def _check_range(target: tf.Tensor, network: Network) -> None:
    if not hasattr(target, "numpy") or network.units is None:
        return
    least = 1 if network.task == "regression" else 2
    classes, given = max(network.units, least), target.numpy()
    wrong = given[(given < 0) | (given >= classes)]
    if wrong.size:
        raise InputError(
            f"Target {int(wrong[0])} is no class of model {network.model.name!r}, which has "
            f"{classes}; give 0 to {classes - 1}."
        )
