"""From where a loop ended to the result that a user sees."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.cost import PULL, Cost, forward_equivalents
from tf_fragile.attacks.given import Given
from tf_fragile.attacks.loop import Loop
from tf_fragile.attacks.measure import measure
from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.state import Problem, State
from tf_fragile.explainers.entry import Price


def outcome(
    loop: Loop,
    given: Given,
    problem: Problem,
    state: State,
    scores: tf.Tensor,
    rows: int,
    cost: Cost,
    price: Price,
    notes: tuple[str, ...],
) -> AttackResult:
    """The result of an attack, measured on the user's own model, folded by radius.

    Args:
      loop: what ran.
      given: what it was given.
      problem: what stayed fixed.
      state: where the loop ended.
      scores: the best so far after each step, [T, N].
      rows: how many fit into memory.
      cost: of one image at one radius.
      price: of a map and of a derivative.
      notes: what has to be said of it.
    """
    fill = loop.explainer.network.fixed_batch is not None
    shape = (len(given.levels), given.x.shape[0])
    measured = measure(loop, given.limits, problem, state, rows, fill=fill)

    def by_level(rows: np.ndarray) -> np.ndarray:
        return rows.reshape(*shape, *rows.shape[1:])

    pulls, stuck = state.pulls.numpy(), ~state.moved.numpy()
    forwards = forward_equivalents(cost, price) + forward_equivalents(PULL, price) * pulls
    return AttackResult(
        epsilon=given.levels,
        perturbed=by_level(measured.perturbed),
        success=by_level(measured.success),
        stuck=by_level(stuck),
        metrics={name: by_level(value) for name, value in measured.metrics.items()},
        map_before=measured.reference[: shape[1]],
        map_after=by_level(measured.maps),
        label=given.label.numpy(),
        predicted=by_level(measured.predicted),
        steps_to_best=by_level(state.step.numpy()),
        history=by_level(scores.numpy().T),
        gradient_evaluations=np.full(shape, cost.derivatives),
        model_gradients=by_level(cost.gradients + pulls),
        scoring_evaluations=np.full(shape, cost.maps),
        forward_equivalents=by_level(forwards),
        chance=loop.k / problem.reference.shape[1:].num_elements(),
        notes=notes + _never_moved(stuck),
    )


def _never_moved(stuck: np.ndarray) -> tuple[str, ...]:
    count = int(stuck.sum())
    if not count:
        return ()
    return (
        f"{count} of {stuck.size} attacks never moved, for want of a derivative; that is no "
        "success, and no sign of a robust map.",
    )
