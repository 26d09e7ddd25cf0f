"""Rules that say which of an attack's iterates is the worst: larger is worse."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tf_fragile.attacks.objectives import Objective
from tf_fragile.errors import InputError
from tf_fragile.metrics.similarity import (
    center_shift,
    check_k,
    default_k,
    spearman,
    top_k_intersection,
)
from tf_fragile.registry import Registry

Rule = Callable[[Objective, tf.Tensor, tf.Tensor, tf.Tensor, int], tf.Tensor]

SELECTIONS: Registry[Rule] = Registry("selection rule")


def reported_k(k: int | None, objective: Objective, maps: tf.TensorShape) -> int:
    """The k of the top-k overlap: asked for, or the objective's, or the default for the map's size.

    The overlap by which iterates are kept and the one that is reported both take their k here.

    Raises:
      InputError: k larger than the map.
    """
    if k is None:
        k = getattr(objective, "k", None)
    if k is None:
        k = default_k(maps[1:].num_elements() or 1)  # a size not known is refused below
    check_k(maps, k)
    return k


def check_rule(rule: str, maps: tf.TensorShape) -> None:
    """Refuses a rule of pictures for maps that are none.

    Raises:
      InputError: `"center_shift"` for maps that are not [batch, height, width].
    """
    if rule == "center_shift" and maps.rank != 3:
        raise InputError(
            "select='center_shift' needs image maps [batch, height, width], got maps of shape "
            f"{tuple(maps)}; use intersection, correlation or objective for other inputs."
        )


def damage(
    rule: str,
    objective: Objective,
    maps: tf.Tensor,
    reference: tf.Tensor,
    fixed: tf.Tensor,
    k: int | None = None,
) -> tf.Tensor:
    """How bad each iterate is, [N], by `rule`.

    Args:
      rule: `"objective"` (the attacked quantity itself: the paper), `"intersection"` (minus the
        top-k overlap: the authors' code), `"correlation"` (minus the rank correlation),
        `"center_shift"`.
      objective: the objective under attack.
      maps: maps [N, ...] of the iterates on the true network.
      reference: clean maps, same shape.
      fixed: what `objective.fixed` gave.
      k: of the top-k overlap, the one that is reported; `reported_k` decides where `None`.
    """
    k = reported_k(k, objective, reference.shape)
    return SELECTIONS[rule](objective, maps, reference, fixed, k)


def _objective(
    objective: Objective, maps: tf.Tensor, reference: tf.Tensor, fixed: tf.Tensor, k: int
) -> tf.Tensor:
    return objective.value(maps, fixed)


def _intersection(
    objective: Objective, maps: tf.Tensor, reference: tf.Tensor, fixed: tf.Tensor, k: int
) -> tf.Tensor:
    return -top_k_intersection(reference, maps, k)


def _correlation(
    objective: Objective, maps: tf.Tensor, reference: tf.Tensor, fixed: tf.Tensor, k: int
) -> tf.Tensor:
    return -spearman(reference, maps)


def _center_shift(
    objective: Objective, maps: tf.Tensor, reference: tf.Tensor, fixed: tf.Tensor, k: int
) -> tf.Tensor:
    return center_shift(reference, maps)


SELECTIONS.register("objective", _objective)
SELECTIONS.register("intersection", _intersection)
SELECTIONS.register("correlation", _correlation)
SELECTIONS.register("center_shift", _center_shift)
