"""From a user's images and radii to the rows that the loop works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.loop import Loop
from tf_fragile.attacks.objectives import Objective
from tf_fragile.attacks.state import Problem
from tf_fragile.backprop.network import Network
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError, shown
from tf_fragile.settings import is_numeric, leaves


def radii(epsilon: float | Sequence[float] | np.ndarray, images: int | None = None) -> np.ndarray:
    """`epsilon` as float64 [E], or [E, B] where every image has its own.

    Args:
      epsilon: a radius, several, or an [E, B] array.
      images: B.

    Raises:
      InputError: none, one that is not positive and finite, or another number of images.
    """
    refusal = InputError(
        f"epsilon must be positive (in input units), got {shown(epsilon)}; give radii such as "
        "1,2,4,8."
    )
    if not is_numeric(epsilon) or any(np.asarray(one).dtype.kind == "b" for one in leaves(epsilon)):
        raise refusal
    try:
        levels = np.atleast_1d(np.asarray(epsilon, np.float64))
    except (TypeError, ValueError):  # a ragged list, a dict
        raise refusal from None
    fits = levels.ndim == 1 or (levels.ndim == 2 and levels.shape[1] == images)
    if not fits or not levels.size or not (levels.astype(np.float32) > 0).all():
        raise refusal
    return levels


def check_in_range(x: np.ndarray, limits: InputRange) -> None:
    """Refuses clean inputs outside the valid range.

    Raises:
      InputError: names the first sample at fault.
    """
    slack = 1e-3 * limits.unit
    outside = ((x < limits.low - slack) | (x > limits.high + slack)).reshape(len(x), -1).any(axis=1)
    if outside.any():
        bad = int(np.flatnonzero(outside)[0])
        raise InputError(
            f"Sample {bad} of the batch has values from {x[bad].min():g} to {x[bad].max():g}, "
            f"outside the valid range {np.min(limits.low):g} to {np.max(limits.high):g}; "
            "give inputs in model units and the bounds of those."
        )


def clean(loop: Loop, x: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    """The margin [B] of clean inputs, and what the surrogate has to know of them."""
    network = loop.explainer.network
    return loop.kept.margin(network, x, label), loop.surrogate.scales(network, x)


def make_problem(
    objective: Objective,
    limits: InputRange,
    levels: np.ndarray,
    x: tf.Tensor,
    target: tf.Tensor,
    label: tf.Tensor,
    reference: tf.Tensor,
    seeds: tf.Tensor,
    margins: tf.Tensor,
    scales: tuple[tf.Tensor, ...],
) -> Problem:
    """Radii folded into the batch axis: row `e * B + b` is image b at radius e.

    Args:
      objective: what is raised.
      limits: the valid range.
      levels: of `radii`.
      x: clean inputs [B, ...].
      target: int32 [B], the class explained.
      label: [B] or [B, C], what has to be kept.
      reference: clean maps [B, ...].
      seeds: int32 [B, 2].
      margins: of `clean`.
      scales: likewise.
    """
    count, rows = len(levels), len(levels) * x.shape[0]

    def tile(tensor: tf.Tensor) -> tf.Tensor:
        return tf.tile(tensor, [count] + [1] * (tensor.shape.rank - 1))

    def spread(values: np.ndarray) -> tf.Tensor:
        shape = [1] * (x.shape.rank - values.ndim) + list(values.shape)
        tensor = tf.reshape(tf.constant(values, x.dtype), shape)
        return tf.repeat(tensor, rows, axis=0)

    each = np.broadcast_to(levels if levels.ndim == 2 else levels[:, None], (count, x.shape[0]))
    return Problem(
        start=tile(x),
        radius=tf.reshape(tf.constant(each, x.dtype), [rows] + [1] * (x.shape.rank - 1)),
        low=spread(limits.low),
        high=spread(limits.high),
        unit=spread(limits.unit),
        target=tile(target),
        label=tile(label),
        margin=tile(margins),
        reference=tile(reference),
        fixed=tile(objective.fixed(reference)),
        scales=tuple(tile(scale) for scale in scales),
        seed=tile(seeds),
    )


def axis_of_channels(given: int | None, network: Network, x: tf.Tensor) -> int:
    """The axis of the channels of `x` [B, ...]: the one given, or the network's.

    Raises:
      InputError: `x` has no such axis, or it is the batch's.
    """
    axis = network.channel_axis if given is None else given
    rank = x.shape.rank
    if not -rank < axis < rank or axis == 0:
        raise InputError(
            f"channel_axis={axis} is no axis of inputs of shape {tuple(x.shape)}, whose axis 0 is "
            f"the batch; give one from 1 to {rank - 1}, or -1 for the last."
        )
    return axis


def on_channels(limits: InputRange, axis: int, shape: tf.TensorShape) -> InputRange:
    """`limits`, which broadcast over a last axis of channels, for inputs with them at `axis`.

    Raises:
      InputError: they are of another number of channels.
    """
    channels, after = shape[axis], shape.rank - 1 - axis % shape.rank
    for values in (limits.low, limits.high, limits.unit):
        if values.size not in (1, channels):
            raise InputError(
                f"The valid range names {values.size} channels, the inputs have {channels}; give "
                "one number, or one for each channel."
            )

    def moved(values: np.ndarray) -> np.ndarray:
        return values.reshape(values.shape + (1,) * after) if values.ndim else values

    return replace(limits, low=moved(limits.low), high=moved(limits.high), unit=moved(limits.unit))


def as_limits(bounds: Any) -> InputRange:
    """An `InputRange`, or (low, high) of a model fed in input units.

    Raises:
      InputError: it is neither, or no range.
    """
    if isinstance(bounds, InputRange):
        return InputRange.of(bounds.low, bounds.high, bounds.unit)
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise InputError(
            f"bounds is {shown(bounds)}; give (low, high), the valid range of the inputs, or an "
            "InputRange."
        ) from None
    return InputRange.of(low, high)
