"""What an attack's loop works on: the fixed problem and the moving state."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Problem(NamedTuple):
    """What stays fixed while rows are attacked; a row is one image at one radius.

    Attributes:
      start: clean inputs [N, ...].
      radius: [N, 1, ...] in input units.
      low: smallest valid value, broadcasting against a row.
      high: largest valid value, broadcasting against a row.
      unit: the size of one input unit, broadcasting against a row.
      target: int32 [N], the class explained.
      label: what has to be kept, see `kept`: int32 [N], bool [N, C] or float [N, units].
      margin: [N], how far the clean input is inside the region where it is kept.
      reference: clean maps [N, ...] of the true network.
      fixed: what the objective keeps of them.
      scales: what the surrogate has to know of the clean inputs, [N, 1, ...] each.
      seed: int32 [N, 2].
    """

    start: tf.Tensor
    radius: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor
    unit: tf.Tensor
    target: tf.Tensor
    label: tf.Tensor
    margin: tf.Tensor
    reference: tf.Tensor
    fixed: tf.Tensor
    scales: tuple[tf.Tensor, ...]
    seed: tf.Tensor

    def rows(self, begin: int, end: int) -> Problem:
        """Rows `begin` to `end` alone."""
        some: Problem = tf.nest.map_structure(lambda t: t[begin:end], self)
        return some


class State(NamedTuple):
    """Where the loop stands.

    Attributes:
      x: the current iterates [N, ...].
      momentum: what the optimiser remembers.
      slack: [N], the margin of the current iterate as a share of the clean one's.
      moved: bool [N], whether any step went anywhere.
      pulls: int32 [N], steps that were drawn back towards the label.
      best: the worst label-keeping iterate so far, the clean input where there is none.
      score: its damage [N], minus infinity where there is none.
      step: the step [N] at which it was found, 1 for the first, 0 where there is none.
    """

    x: tf.Tensor
    momentum: tf.Tensor
    slack: tf.Tensor
    moved: tf.Tensor
    pulls: tf.Tensor
    best: tf.Tensor
    score: tf.Tensor
    step: tf.Tensor


def initial_state(problem: Problem, x: tf.Tensor | None = None) -> State:
    """The state before the first step, from the clean inputs or from `x`."""
    start = problem.start
    rows = tf.shape(start)[0]
    return State(
        x=start if x is None else x,
        momentum=tf.zeros_like(start),
        slack=tf.ones([rows], start.dtype),
        moved=tf.zeros([rows], tf.bool),
        pulls=tf.zeros([rows], tf.int32),
        best=start,
        score=tf.fill([rows], tf.constant(float("-inf"), start.dtype)),
        step=tf.zeros([rows], tf.int32),
    )


def worse(a: State, b: State) -> State:
    """Row by row, the state of the two whose best iterate did more damage; pulls are added."""
    first = a.score >= b.score
    chosen = [
        tf.where(tf.reshape(first, [-1] + [1] * (s.shape.rank - 1)), s, t)
        for s, t in zip(a, b, strict=True)
    ]
    return State(*chosen)._replace(pulls=a.pulls + b.pulls, moved=a.moved | b.moved)
