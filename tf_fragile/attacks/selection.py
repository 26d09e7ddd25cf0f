"""Rules that say which of an attack's iterates is the worst: larger is worse."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tf_fragile.attacks.objectives import Objective, TopK
from tf_fragile.metrics.similarity import center_shift, default_k, spearman, top_k_intersection
from tf_fragile.registry import Registry

Rule = Callable[[Objective, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

SELECTIONS: Registry[Rule] = Registry("selection rule")


def damage(
    rule: str, objective: Objective, maps: tf.Tensor, reference: tf.Tensor, fixed: tf.Tensor
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
    """
    return SELECTIONS[rule](objective, maps, reference, fixed)


def _objective(objective: Objective, maps: tf.Tensor, _: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
    return objective.value(maps, fixed)


def _intersection(
    objective: Objective, maps: tf.Tensor, reference: tf.Tensor, _: tf.Tensor
) -> tf.Tensor:
    k = objective.k if isinstance(objective, TopK) else default_k(maps.shape[1:].num_elements())
    return -top_k_intersection(reference, maps, k)


def _correlation(_: Objective, maps: tf.Tensor, reference: tf.Tensor, __: tf.Tensor) -> tf.Tensor:
    return -spearman(reference, maps)


def _center_shift(_: Objective, maps: tf.Tensor, reference: tf.Tensor, __: tf.Tensor) -> tf.Tensor:
    return center_shift(reference, maps)


SELECTIONS.register("objective", _objective)
SELECTIONS.register("intersection", _intersection)
SELECTIONS.register("correlation", _correlation)
SELECTIONS.register("center_shift", _center_shift)
