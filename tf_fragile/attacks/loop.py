"""The compiled attack loop: one graph for every step, radius, image and target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import tensorflow as tf

from tf_fragile.attacks.constraints import Box
from tf_fragile.attacks.objectives import Objective
from tf_fragile.attacks.optimizers import Optimizer
from tf_fragile.attacks.selection import damage
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.metrics.maps import normalise, reduce


class Problem(NamedTuple):
    """What stays fixed while rows are attacked; a row is one image at one radius.

    Attributes:
      start: clean inputs [N, ...].
      radius: [N, 1, ..., C or 1] in model units.
      low: smallest valid value, broadcasting against a row.
      high: largest valid value, broadcasting against a row.
      unit: the size of one input unit, broadcasting against a row.
      target: int32 [N], the class explained.
      label: int32 [N], the label to keep.
      reference: clean maps [N, ...] of the true network.
      fixed: what the objective keeps of them.
      seed: int32 [N, 2].
    """

    start: tf.Tensor
    radius: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor
    unit: tf.Tensor
    target: tf.Tensor
    label: tf.Tensor
    reference: tf.Tensor
    fixed: tf.Tensor
    seed: tf.Tensor


class State(NamedTuple):
    """Where the loop stands.

    Attributes:
      x: the current iterates [N, ...].
      best: the worst label-keeping iterate so far, the clean input where there is none.
      score: its damage [N], minus infinity where there is none.
      step: the step [N] at which it was found, 1 for the first, 0 where there is none.
    """

    x: tf.Tensor
    best: tf.Tensor
    score: tf.Tensor
    step: tf.Tensor


def initial_state(problem: Problem) -> State:
    """The state before the first step."""
    rows = tf.shape(problem.start)[0]
    nothing = tf.fill([rows], tf.constant(float("-inf"), problem.start.dtype))
    return State(problem.start, problem.start, nothing, tf.zeros([rows], tf.int32))


def spatial_map(attribution: tf.Tensor) -> tf.Tensor:
    """The map attacked and measured: absolute values summed over channels, summing to 1.

    Source: Ghorbani et al. 2019, and their code, which sums the channels before normalising.
    """
    return normalise(reduce(attribution, "sum_abs"), "unit_sum")


@dataclass(frozen=True, eq=False)
class Loop:
    """The steps of one attack on one explainer, compiled once.

    Attributes:
      explainer: on the true network.
      surrogate: the same method on the network whose derivative is taken.
      objective: what is raised.
      optimizer: how it is raised.
      select: the rule by which the worst iterate is kept.
    """

    explainer: Explainer
    surrogate: Explainer
    objective: Objective
    optimizer: Optimizer
    select: str

    def run(self, problem: Problem, state: State, first: Any, count: Any) -> State:
        """`count` more steps from `state`, the first being number `first` (from 0)."""
        return self.compiled(problem, state, tf.constant(first), tf.constant(count))

    @cached_property
    def compiled(self) -> Any:
        """The loop as one `tf.function` with a free batch axis."""
        return tf.function(self._steps, autograph=False, reduce_retracing=True)

    def step_gradient(self, x: tf.Tensor, problem: Problem) -> tf.Tensor:
        """Gradient of the objective on the surrogate at `x`, one row independent of the others."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            maps = spatial_map(self.surrogate.attribute(x, problem.target, problem.seed))
            value = self.objective.value(maps, problem.fixed)
        return tape.gradient(value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def score(self, x: tf.Tensor, problem: Problem) -> tf.Tensor:
        """Damage [N] of `x` on the true network; minus infinity where the label is lost."""
        maps = spatial_map(self.explainer.attribute(x, problem.target, problem.seed))
        value = damage(self.select, self.objective, maps, problem.reference, problem.fixed)
        logits = self.explainer.network.logits(x)
        kept = tf.argmax(logits, -1, output_type=tf.int32) == problem.label
        return tf.where(kept & tf.math.is_finite(value), value, -float("inf"))

    def _steps(self, problem: Problem, state: State, first: tf.Tensor, count: tf.Tensor) -> State:
        box = Box(problem.start, problem.radius, problem.low, problem.high)

        def body(step: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            moved = self.optimizer.propose(
                state.x,
                box,
                problem.unit,
                lambda x: self.step_gradient(x, problem),
                step,
                problem.seed,
            )
            x = box.project(moved)
            score = self.score(x, problem)
            better = score > state.score
            wide = tf.reshape(better, tf.concat([tf.shape(better), [1] * (x.shape.rank - 1)], 0))
            best = tf.where(wide, x, state.best)
            found = tf.where(better, step + 1, state.step)
            return step + 1, State(x, best, tf.where(better, score, state.score), found)

        _, final = tf.while_loop(
            lambda step, _: step < first + count,
            body,
            (first, state),
            shape_invariants=(first.shape, State(*(t.shape for t in state))),
            parallel_iterations=1,
        )
        return final
