"""What an attack was given, checked and as tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.kept import kept_by
from tf_fragile.attacks.problem import (
    as_limits,
    axis_of_channels,
    check_in_range,
    on_channels,
    radii,
)
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError, shown
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.explainers.targets import as_target

Chunked = Callable[[Callable[[Any], Any], Any], Any]
"""A function of rows and the rows, to its results, computed some rows at a time."""


@dataclass(frozen=True, eq=False)
class Given:
    """Inputs of an attack. B images, E radii.

    Attributes:
      x: clean inputs [B, ...].
      target: int32 [B], the class explained.
      label: [B, ...], what has to be kept, see `kept`.
      seeds: int32 [B, 2].
      levels: radii, float64 [E] or [E, B].
      limits: the valid range, broadcasting against `x`.
      axis: of the channels.
    """

    x: tf.Tensor
    target: tf.Tensor
    label: tf.Tensor
    seeds: tf.Tensor
    levels: np.ndarray
    limits: InputRange
    axis: int


def check_call(explainer: Any, progress: Any) -> None:
    """Refuses what is no explainer, and a progress that can't be told anything.

    Raises:
      InputError: it names which.
    """
    if not isinstance(explainer, Explainer):
        raise InputError(
            f"The explainer to attack is {shown(explainer)}; give one, as tff.explain makes them."
        )
    if progress is not None and not callable(progress):
        raise InputError(f"progress is {shown(progress)}; give a function of a number, or None.")


def given_to(
    explainer: Explainer,
    x: Any,
    target: Any,
    epsilon: Any,
    bounds: Any,
    seed: Any,
    *,
    tolerance: float | None,
    channel_axis: int | None,
    chunked: Chunked,
) -> Given:
    """What the caller of an attack gave; the label to keep is the model's own.

    Raises:
      InputError: see `Attack.__call__`.
    """
    if hasattr(x, "shape") and x.shape[:1] == (0,):
        raise InputError("The batch to attack is empty; give at least one input.")
    given, x, network = x, explainer.inputs(x), explainer.network
    network.check_nesting(given, x)
    if not tf.is_tensor(x):
        raise InputError("Attacks take models with one input; this one has several.")
    axis = axis_of_channels(channel_axis, network, x)
    limits = on_channels(as_limits(bounds), axis, x.shape)
    levels = radii(epsilon, x.shape[0])
    check_in_range(x.numpy(), limits)
    kept = kept_by(network, tolerance)
    label = chunked(lambda x: kept.of(network, x), x)
    if target is not None:
        target = as_target(target, x, network)
    elif kept.task == "classes":
        target = label
    else:
        target = chunked(lambda x: as_target(None, x, network), x)
    return Given(x, target, label, sample_seeds(seed, x.shape[0]), levels, limits, axis)
