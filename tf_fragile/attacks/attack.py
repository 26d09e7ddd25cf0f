"""An attack: hyper-parameters when it is made, data when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.chunks import chunk, first_rows, in_chunks
from tf_fragile.attacks.cost import PULL, Cost, Price, forward_equivalents, price
from tf_fragile.attacks.loop import Loop
from tf_fragile.attacks.measure import measure
from tf_fragile.attacks.objectives import Objective
from tf_fragile.attacks.optimizers import Optimizer, Secant, Sign
from tf_fragile.attacks.problem import as_limits, check_in_range, clean, make_problem, radii
from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.secant import check_symmetric
from tf_fragile.attacks.selection import reported_k
from tf_fragile.attacks.state import Problem, State, initial_state, spatial_map, worse
from tf_fragile.attacks.surrogates import Softplus, Surrogate
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError
from tf_fragile.explainers.contract import Method, Thinnable
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.explainers.targets import as_target

Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Attack:
    """A search for the label-keeping perturbation that changes a map the most.

    Attributes:
      objective: what is done to the map.
      optimizer: how the input moves.
      surrogate: the network whose derivative is taken.
      norm: of the ball, `"linf"` or `"l2"`.
      select: the rule of `SELECTIONS` by which the worst iterate is kept; the objective's own
        where `None`.
      k: of the reported top-k intersection; the objective's, or `default_k` of the map's size.
      grid: iterates are rounded to multiples of this many input units, counted from the smallest
        valid value, before they are scored and kept: 1 for grey levels, which is what an image
        file can hold; `None` for no rounding.
      points: how many path points or noise draws a step's derivative uses, for methods that
        average; all of the method's where `None`. Scoring uses all of them.
      restarts: runs, the first from the clean input, the others from random points of the ball;
        the worst is kept. An objective whose gradient is zero at the clean input starts at random.
      rows: images times radii in memory at once. Every chunk has exactly as many, the last one
        filled up, so that no image's result depends on the size of its batch: give a small number
        for few images. Halved where it does not fit into memory; results then agree up to rounding.
      segment: steps between two chances to report progress or be interrupted.
    """

    objective: Objective
    optimizer: Optimizer = field(default_factory=Sign)
    surrogate: Surrogate = field(default_factory=Softplus)
    norm: str = "linf"
    select: str | None = None
    k: int | None = None
    grid: float | None = None
    points: int | None = None
    restarts: int = 1
    rows: int = 8
    segment: int = 25
    _loops: dict[tuple[Explainer, int], Loop] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name in ("restarts", "rows", "segment", "points", "grid"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"An attack needs {name} > 0, got {value}.")

    def __call__(
        self,
        explainer: Explainer,
        x: Any,
        target: Any = None,
        *,
        epsilon: float | Sequence[float] | np.ndarray,
        bounds: tuple[float, float] | InputRange,
        seed: Any = 0,
        progress: Progress | None = None,
    ) -> AttackResult:
        """Attacks every image at every radius.

        Args:
          explainer: whose maps are attacked.
          x: clean inputs [B, ...] in model units, a single tensor.
          target: the class explained, as for an explainer; `None` for the predicted one. The
            label kept is always the model's prediction for the clean input.
          epsilon: one radius or several, in input units (grey levels for pictures), or [E, B]
            where every image has its own.
          bounds: the valid range: an `InputRange`, or (low, high) of a model fed in input units.
          seed: int or [B] ints, as for an explainer.
          progress: called with the number of row-steps done since the last call.

        Raises:
          InputError: a radius that is not positive, inputs out of range, a map too small for k,
            an objective that does not fit the maps, an optimiser that does not fit the method.
        """
        x = explainer.inputs(x)
        if not tf.is_tensor(x):
            raise InputError("Attacks take models with one input; this one has several.")
        levels, limits = radii(epsilon, x.shape[0]), as_limits(bounds)
        check_in_range(x.numpy(), limits)
        seeds = sample_seeds(seed, x.shape[0])
        label = explainer.network.predict(x)
        target = label if target is None else as_target(target, x, explainer.network)
        reference = in_chunks(
            lambda given: spatial_map(explainer(*given)), self.rows, (x, target, seeds)
        )
        self.objective.check(reference.shape)
        loop = self.loop(explainer, reported_k(self.k, self.objective, reference.shape))
        distances, scales = in_chunks(lambda given: clean(loop, *given), self.rows, (x, label))
        problem = make_problem(
            self.objective, limits, levels, x, target, label, reference, seeds, distances, scales
        )
        state, scores, rows = self._run(loop, problem, progress)
        return self._result(loop, levels, limits, problem, state, scores, rows)

    def loop(self, explainer: Explainer, k: int) -> Loop:
        """The compiled loop for `explainer` and the `k` of its top-k overlap, made once."""
        if (explainer, k) not in self._loops:
            if isinstance(self.optimizer, Secant):
                check_symmetric(explainer.name, explainer.method)
            method, redraw = self._thinned(explainer.method)
            stand_in = replace(
                explainer, method=method, network=self.surrogate.apply(explainer.network)
            )
            self._loops[explainer, k] = Loop(
                explainer=explainer,
                stand_in=stand_in,
                surrogate=self.surrogate,
                objective=self.objective,
                optimizer=self.optimizer,
                norm=self.norm,
                select=self.objective.select if self.select is None else self.select,
                k=k,
                grid=self.grid,
                redraw=redraw,
            )
        return self._loops[explainer, k]

    def _thinned(self, method: Method) -> tuple[Method, bool]:
        """The method whose derivative is taken, and whether it draws anew at every step."""
        if self.points is None or not isinstance(method, Thinnable):
            return method, False
        return method.thinned(self.points), method.redraws

    def _run(
        self, loop: Loop, problem: Problem, progress: Progress | None
    ) -> tuple[State, tf.Tensor, int]:
        """The final state, the best scores [T, N], and how many rows fitted into memory."""
        total, finished, begin, rows = problem.start.shape[0], [], 0, self.rows
        while begin < total:
            count = min(rows, total - begin)  # the rows that fill up the last chunk don't count
            try:
                state, scores = self._run_rows(loop, chunk(problem, begin, rows), count, progress)
                finished.append((first_rows(state, count), scores[:, :count]))
                begin += rows
            except tf.errors.ResourceExhaustedError:
                if rows == 1:
                    raise
                rows //= 2
        states, scores = zip(*finished, strict=True)
        joined = State(*(tf.concat(parts, 0) for parts in zip(*states, strict=True)))
        return joined, tf.concat(scores, 1), rows

    def _run_rows(
        self, loop: Loop, problem: Problem, told: int, progress: Progress | None
    ) -> tuple[State, tf.Tensor]:
        """All restarts of some rows, in segments of steps: the final state, the best scores.

        `told` is how many of the rows the progress counts.
        """
        best: State | None = None
        history: list[np.ndarray] = []
        for restart in range(self.restarts):
            state = initial_state(problem)
            if restart or self.objective.stationary_start:
                start = loop.ball(problem).random(problem.seed, tf.constant(-1 - restart))
                state = initial_state(problem, start)
            for first in range(0, self.optimizer.steps, self.segment):
                steps = min(self.segment, self.optimizer.steps - first)
                state, scores = loop.run(problem, state, first, steps)
                history.append(scores.numpy())
                if progress is not None:
                    progress(steps * told)
            best = state if best is None else worse(best, state)
        assert best is not None
        return best, tf.constant(np.maximum.accumulate(np.concatenate(history)))

    def _result(
        self,
        loop: Loop,
        levels: np.ndarray,
        limits: InputRange,
        problem: Problem,
        state: State,
        scores: tf.Tensor,
        rows: int,
    ) -> AttackResult:
        shape = (len(levels), problem.start.shape[0] // len(levels))
        measured = measure(loop.explainer, self.objective, limits, problem, state, loop.k, rows)

        def by_level(rows: np.ndarray) -> np.ndarray:
            return rows.reshape(*shape, *rows.shape[1:])

        pulls = state.pulls.numpy()
        cost, own = self.cost, self.price(loop.explainer)
        forwards = forward_equivalents(cost, own) + forward_equivalents(PULL, own) * pulls
        return AttackResult(
            epsilon=levels,
            perturbed=by_level(measured.perturbed),
            success=by_level(measured.success),
            stuck=by_level(~state.moved.numpy()),
            metrics={name: by_level(value) for name, value in measured.metrics.items()},
            map_before=measured.reference[: shape[1]],
            map_after=by_level(measured.maps),
            label=problem.label[: shape[1]].numpy(),
            predicted=by_level(measured.predicted),
            steps_to_best=by_level(state.step.numpy()),
            history=by_level(scores.numpy().T),
            gradient_evaluations=np.full(shape, cost.derivatives),
            model_gradients=by_level(cost.gradients + pulls),
            scoring_evaluations=np.full(shape, cost.maps),
            forward_equivalents=by_level(forwards),
            chance=loop.k / problem.reference.shape[1:].num_elements(),
        )

    def price(self, explainer: Explainer) -> Price:
        """Of a map of `explainer` and of a derivative, which may use fewer points than the map."""
        thinned, _ = self._thinned(explainer.method)
        return Price(
            price(explainer.name, explainer.method.evaluations).map,
            price(explainer.name, thinned.evaluations).derivative,
        )

    def forwards(self, explainer: Explainer) -> float:
        """Forward passes of one image at one radius that the attack amounts to, without pulls."""
        return forward_equivalents(self.cost, self.price(explainer))

    def longer(self, times: int) -> Attack:
        """The same attack with `times` as many steps."""
        optimizer: Any = self.optimizer
        return replace(self, optimizer=replace(optimizer, steps=times * optimizer.steps), _loops={})

    @property
    def row_steps(self) -> int:
        """Steps of one image at one radius, over all restarts."""
        return self.restarts * self.optimizer.steps

    @property
    def cost(self) -> Cost:
        """What one image at one radius costs, without the steps drawn back to the label."""
        steps, one = self.restarts * self.optimizer.steps, self.optimizer.cost
        return Cost(steps * one.derivatives, steps * (one.maps + 1), steps * one.gradients)
