"""What is explained: an int for each sample, from whatever the caller gave."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError, shown
from tf_fragile.explainers.noise import whole_numbers


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
    if _rank(target) == 2:
        target = _one_hot(target)
        _check_count(target, leaf)
        classes = network.units if network.units is not None and network.units > 1 else None
        if classes is not None and target.shape[1] not in (None, classes):
            raise InputError(
                f"The one-hot target has {target.shape[1]} columns, and model "
                f"{network.model.name!r} has {classes} classes; give a column for each."
            )
        return tf.argmax(target, -1, output_type=tf.int32)
    target = whole_numbers(
        target, "target", "give an int, one int for each sample, or one-hot rows"
    )
    if target.shape.rank not in (0, 1):
        raise InputError(
            f"target has dtype {target.dtype.name} and shape {tuple(target.shape)}; give an int, "
            "one int for each sample, or one-hot rows."
        )
    if target.shape.rank == 0:
        target = tf.fill([tf.shape(leaf)[0]], target)
    _check_count(target, leaf)
    _check_range(target, network)
    return network.unit(target)


def _rank(target: Any) -> int | None:
    try:
        return target.shape.rank if tf.is_tensor(target) else np.ndim(target)
    except ValueError:  # a ragged list
        return None


def _check_count(target: tf.Tensor, leaf: tf.Tensor) -> None:
    if not leaf.shape[:1].is_compatible_with(target.shape[:1]):
        raise InputError(f"{target.shape[0]} targets for {leaf.shape[0]} samples; give as many.")


def _one_hot(target: Any) -> tf.Tensor:
    try:
        tensor = tf.convert_to_tensor(target)
        if tensor.dtype.is_integer or tensor.dtype.is_floating or tensor.dtype.is_bool:
            tensor = tf.cast(tensor, tf.float32)
            _check_one_hot(tensor)
            return tensor
    except (TypeError, ValueError, tf.errors.OpError) as error:
        if isinstance(error, InputError):
            raise
    raise InputError(
        f"target is {shown(target)}; give an int, one for each sample, or one-hot rows."
    )


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
