"""The compiled attack loop: one graph for every step, radius, image and target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf

from tf_fragile.attacks.constraints import NORMS, Ball
from tf_fragile.attacks.kept import Kept
from tf_fragile.attacks.objectives import Objective
from tf_fragile.attacks.optimizers import Iterate, Optimizer
from tf_fragile.attacks.oracle import Oracle
from tf_fragile.attacks.secant import secant_gradient
from tf_fragile.attacks.selection import damage
from tf_fragile.attacks.state import Problem, State
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.noise import folded
from tf_fragile.metrics.readouts import DEFAULT, read_out
from tf_fragile.surrogates import Surrogate


@dataclass(frozen=True, eq=False)
class Loop:
    """The steps of one attack on one explainer, compiled once.

    Attributes:
      explainer: on the true network.
      stand_in: the method whose derivative is taken, on the surrogate's network.
      surrogate: what made that network.
      objective: what is raised.
      optimizer: how it is raised.
      norm: the ball's, a name of `NORMS`.
      select: the rule by which the worst iterate is kept.
      k: of the top-k overlap by which it may be.
      grid: the steps, in input units, to which iterates are rounded before they are scored;
        `None` for no rounding.
      redraw: whether the stand-in draws anew at every step, instead of the same all the time.
      kept: what has to stay as it is.
      channel_axis: of the attribution.
      readout: what of it is attacked and measured, a name of `READOUTS`.
      free_batch: whether the batch axis is left open when the loop is compiled, so that chunks of
        any size run the same code.
    """

    explainer: Explainer
    stand_in: Explainer
    surrogate: Surrogate
    objective: Objective
    optimizer: Optimizer
    norm: str
    select: str
    k: int
    grid: float | None
    redraw: bool
    kept: Kept
    channel_axis: int = -1
    readout: str = DEFAULT
    free_batch: bool = False

    def run(
        self, problem: Problem, state: State, first: Any, count: Any
    ) -> tuple[State, tf.Tensor]:
        """`count` more steps from `state`, the first being number `first` (from 0).

        Returns:
          The state after them, and the best score after each, [count, N].
        """
        traced = not tf.config.functions_run_eagerly()
        if traced and self.free_batch and not self.compiled.experimental_get_tracing_count():
            rows = tf.nest.map_structure(_of_any_batch, (problem, state))
            self.compiled.get_concrete_function(*rows, _NUMBER, _NUMBER)
        ran: tuple[State, tf.Tensor] = self.compiled(
            problem, state, tf.constant(first), tf.constant(count)
        )
        return ran

    @cached_property
    def compiled(self) -> Any:
        """The loop as one `tf.function`."""
        return tf.function(self._steps, autograph=False, reduce_retracing=True)

    def ball(self, problem: Problem) -> Ball:
        """Where rows may go."""
        make = NORMS[self.norm]
        return make(problem.start, problem.radius, problem.unit, problem.low, problem.high)

    def map(self, attribution: tf.Tensor, problem: Problem) -> tf.Tensor:
        """The map attacked and measured, in the dtype of the inputs."""
        given = tf.cast(attribution, problem.start.dtype)
        return read_out(given, self.channel_axis, self.readout)

    def step_gradient(
        self, x: tf.Tensor, problem: Problem, progress: Any = 0.0, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Gradient of the objective on the surrogate at `x`, one row independent of the others."""
        seed = problem.seed if seed is None else seed
        with self.surrogate.at(progress, problem.scales):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                maps = self.map(self.stand_in.attribute(x, problem.target, seed), problem)
                value = self.objective.value(maps, problem.fixed)
            return tape.gradient(value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def retreat(self, x: tf.Tensor, problem: Problem) -> tf.Tensor:
        """Gradient of the margin of what is kept, on the true network."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = self.kept.margin(self.explainer.network, x, problem.label)
        return tape.gradient(value, x)

    def score(self, x: tf.Tensor, problem: Problem) -> tuple[tf.Tensor, tf.Tensor]:
        """Damage [N] of `x` on the true network, minus infinity without the label; margin [N]."""
        maps = self.map(self.explainer.attribute(x, problem.target, problem.seed), problem)
        value = damage(self.select, self.objective, maps, problem.reference, problem.fixed, self.k)
        kept, left = self.kept.judged(self.explainer.network, x, problem.label)
        return tf.where(kept & tf.math.is_finite(value), value, -float("inf")), left

    def stored(self, x: tf.Tensor, problem: Problem) -> tf.Tensor:
        """`x` as an image file would keep it, where there is a grid; still in the ball."""
        if self.grid is None:
            return x
        return self.ball(problem).rounded(x, self.grid * problem.unit)

    def _steps(
        self, problem: Problem, state: State, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[State, tf.Tensor]:
        ball = self.ball(problem)

        def body(
            step: tf.Tensor, state: State, scores: tf.TensorArray
        ) -> tuple[tf.Tensor, State, tf.TensorArray]:
            drawn = folded(problem.seed, step) if self.redraw else problem.seed
            oracle = Oracle(
                ascent=lambda x, progress: self.step_gradient(x, problem, progress, drawn),
                secant=lambda x, h: secant_gradient(
                    self.explainer, self.objective, x, problem, h, self.channel_axis, self.readout
                ),
                retreat=lambda x: self.retreat(x, problem),
                slack=state.slack,
            )
            at = Iterate(state.x, state.momentum, step, problem.seed)
            move = self.optimizer.propose(at, ball, oracle)
            x = ball.project(move.x)
            state = self._after(problem, state, step, x, move.momentum, move.pulled)
            return step + 1, state, scores.write(step - first, state.score)

        scores = tf.TensorArray(state.score.dtype, count, element_shape=state.score.shape)
        _, final, scores = tf.while_loop(
            lambda step, *_: step < first + count,
            body,
            (first, state, scores),
            shape_invariants=(
                first.shape,
                State(*(t.shape for t in state)),
                tf.TensorShape(None),
            ),
            parallel_iterations=1,
        )
        return final, scores.stack()

    def _after(
        self,
        problem: Problem,
        state: State,
        step: tf.Tensor,
        x: tf.Tensor,
        momentum: tf.Tensor,
        pulled: tf.Tensor,
    ) -> State:
        """The state once iterate `x` has been scored."""
        kept = self.stored(x, problem)
        score, left = self.score(kept, problem)
        better = score > state.score
        axes = list(range(1, x.shape.rank))
        wide = tf.reshape(better, [-1] + [1] * len(axes))
        return State(
            x=x,
            momentum=momentum,
            slack=tf.math.divide_no_nan(left, problem.margin),
            moved=state.moved | tf.reduce_any(x != state.x, axes),
            pulls=state.pulls + tf.cast(pulled, tf.int32),
            best=tf.where(wide, kept, state.best),
            score=tf.where(better, score, state.score),
            step=tf.where(better, step + 1, state.step),
        )


_NUMBER = tf.TensorSpec([], tf.int32)


def _of_any_batch(tensor: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
