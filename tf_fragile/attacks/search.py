"""Running an attack's loop over all rows: chunk by chunk, restart by restart, in segments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.loop import Loop
from tf_fragile.attacks.state import Problem, State, initial_state, worse
from tf_fragile.backprop.batches import chunk, first_rows, in_chunks

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Search:
    """How the rows of a problem are gone through.

    Attributes:
      rows: in memory at once.
      fill: whether the last chunk is filled up.
      halve: whether chunks that don't fit into memory may be halved.
      restarts: runs of each row.
      segment: steps between two chances to report progress.
    """

    rows: int
    fill: bool
    halve: bool
    restarts: int
    segment: int

    def each(self, function: Callable[[Any], Any], tensors: Any) -> Any:
        """`function` of a nest of rows, in the same chunks, see `in_chunks`."""
        return in_chunks(function, self.rows, tensors, fill=self.fill)

    def __call__(
        self, loop: Loop, problem: Problem, progress: Progress | None
    ) -> tuple[State, tf.Tensor, int]:
        """The final state, the best scores [T, N], and how many rows fitted into memory."""
        total, finished, begin, rows = problem.start.shape[0], [], 0, self.rows
        while begin < total:
            count = min(rows, total - begin)  # the rows that fill up the last chunk don't count
            try:
                part = chunk(problem, begin, rows, self.fill)
                state, scores = self._chunk(loop, part, count, progress)
                finished.append((first_rows(state, count), scores[:, :count]))
                begin += rows
            except tf.errors.ResourceExhaustedError:
                if rows == 1 or not self.halve:
                    raise
                rows //= 2
        states, scores = zip(*finished, strict=True)
        joined = State(*(tf.concat(parts, 0) for parts in zip(*states, strict=True)))
        return joined, tf.concat(scores, 1), rows

    def _chunk(
        self, loop: Loop, problem: Problem, told: int, progress: Progress | None
    ) -> tuple[State, tf.Tensor]:
        """All restarts of some rows, in segments of steps: the final state, the best scores.

        `told` is how many of the rows the progress counts.
        """
        best: State | None = None
        history: list[np.ndarray] = []
        steps_in_all = loop.optimizer.steps
        for restart in range(self.restarts):
            state = initial_state(problem)
            if restart or loop.objective.stationary_start:
                start = loop.ball(problem).random(problem.seed, tf.constant(-1 - restart))
                state = initial_state(problem, start)
            for first in range(0, steps_in_all, self.segment):
                steps = min(self.segment, steps_in_all - first)
                state, scores = loop.run(problem, state, first, steps)
                history.append(scores.numpy())
                if progress is not None:
                    progress(steps * told)
            best = state if best is None else worse(best, state)
        assert best is not None
        return best, tf.constant(np.maximum.accumulate(np.concatenate(history)))
