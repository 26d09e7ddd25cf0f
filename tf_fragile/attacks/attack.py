"""An attack: hyper-parameters when it is made, data when it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.loop import Loop, Problem, State, initial_state, spatial_map
from tf_fragile.attacks.measure import measure, reported_k
from tf_fragile.attacks.objectives import OBJECTIVES, Objective
from tf_fragile.attacks.optimizers import OPTIMIZERS, Optimizer, Sign
from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.selection import SELECTIONS
from tf_fragile.attacks.surrogates import SURROGATES, Softplus, Surrogate
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError, unknown_name
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
      select: the rule of `SELECTIONS` by which the worst iterate is kept; the objective's own
        where `None`.
      k: of the reported top-k intersection; the objective's, or `default_k` of the map's size.
      rows: images times radii in memory at once.
      segment: steps between two chances to report progress or be interrupted.
    """

    objective: Objective
    optimizer: Optimizer = field(default_factory=Sign)
    surrogate: Surrogate = field(default_factory=Softplus)
    select: str | None = None
    k: int | None = None
    rows: int = 16
    segment: int = 25
    _loops: dict[Explainer, Loop] = field(default_factory=dict, repr=False)

    def __call__(
        self,
        explainer: Explainer,
        x: Any,
        target: Any = None,
        *,
        epsilon: float | Sequence[float],
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
          epsilon: one L-infinity radius or several, in input units (grey levels for pictures).
          bounds: the valid range: an `InputRange`, or (low, high) of a model fed in input units.
          seed: int or [B] ints, as for an explainer.
          progress: called with the number of row-steps done since the last call.

        Raises:
          InputError: a radius that is not positive, inputs out of range, a map too small for k,
            an objective that does not fit the maps.
        """
        levels = radii(epsilon)
        limits = bounds if isinstance(bounds, InputRange) else InputRange.of(*bounds)
        x = explainer.inputs(x)
        if not tf.is_tensor(x):
            raise InputError("Attacks take models with one input; this one has several.")
        _check_in_range(x.numpy(), limits)
        seeds = sample_seeds(seed, x.shape[0])
        label = explainer.network.predict(x)
        target = label if target is None else as_target(target, x, explainer.network)
        reference = spatial_map(explainer(x, target, seeds))
        self.objective.check(reference.shape)
        k = reported_k(self.k, self.objective, reference.shape)
        problem = _problem(self.objective, limits, levels, x, target, label, reference, seeds)
        state = self._run(self._loop(explainer), problem, progress)
        return self._result(explainer, levels, limits, problem, state, k)

    def _loop(self, explainer: Explainer) -> Loop:
        """The compiled loop for `explainer`, made once."""
        if explainer not in self._loops:
            rule = self.objective.select if self.select is None else self.select
            stand_in = explainer.on(self.surrogate.apply(explainer.network))
            loop = Loop(explainer, stand_in, self.objective, self.optimizer, rule)
            self._loops[explainer] = loop
        return self._loops[explainer]

    def _run(self, loop: Loop, problem: Problem, progress: Progress | None) -> State:
        """The final state, computed in chunks of rows and segments of steps."""
        total, finished = problem.start.shape[0], []
        for begin in range(0, total, self.rows):
            part = Problem(*(t[begin : begin + self.rows] for t in problem))
            state = initial_state(part)
            for first in range(0, self.optimizer.steps, self.segment):
                count = min(self.segment, self.optimizer.steps - first)
                state = loop.run(part, state, first, count)
                if progress is not None:
                    progress(count * part.start.shape[0])
            finished.append(state)
        return State(*(tf.concat(parts, 0) for parts in zip(*finished, strict=True)))

    def _result(
        self,
        explainer: Explainer,
        levels: np.ndarray,
        limits: InputRange,
        problem: Problem,
        state: State,
        k: int,
    ) -> AttackResult:
        shape = (len(levels), problem.start.shape[0] // len(levels))
        measured = measure(explainer, self.objective, limits, problem, state, k, self.rows)

        def by_level(rows: np.ndarray) -> np.ndarray:
            return rows.reshape(*shape, *rows.shape[1:])

        gradients = self.optimizer.steps * self.optimizer.gradients_per_step
        return AttackResult(
            epsilon=levels,
            perturbed=by_level(measured.perturbed),
            success=by_level(measured.success),
            metrics={name: by_level(value) for name, value in measured.metrics.items()},
            map_before=problem.reference[: shape[1]].numpy(),
            map_after=by_level(measured.maps),
            label=problem.label[: shape[1]].numpy(),
            predicted=by_level(measured.predicted),
            steps_to_best=by_level(state.step.numpy()),
            gradient_evaluations=np.full(shape, gradients),
            scoring_evaluations=np.full(shape, self.optimizer.steps),
            chance=k / problem.reference.shape[1:].num_elements(),
        )


def attack(
    objective: str,
    *,
    optimizer: str = "sign",
    surrogate: str | None = None,
    select: str | None = None,
    **settings: Any,
) -> Attack:
    """An attack from the names of its parts.

    Args:
      objective: `"top_k"`, `"mass_center"` or `"target_region"`.
      optimizer: `"sign"` or `"random_sign"`.
      surrogate: `"softplus"` or `"none"`; softplus for `sign`, none for `random_sign`.
      select: a rule of `SELECTIONS`; the objective's own where `None`.
      **settings: settings of any of these parts, or of `Attack`, by their names: `k`, `steps`,
        `step_size`, `beta`, `mask`, `mode`, `rows`, ...

    Raises:
      InputError: an unknown name (the nearest are suggested) or a value out of range.
    """
    if surrogate is None:
        surrogate = "none" if optimizer == "random_sign" else "softplus"
    if select is not None:
        SELECTIONS[select]
    makers = {
        "objective": OBJECTIVES[objective],
        "optimizer": OPTIMIZERS[optimizer],
        "surrogate": SURROGATES[surrogate],
    }
    own = ("k", "rows", "segment")
    parts: dict[str, Any] = {}
    used: set[str] = set()
    for role, make in makers.items():
        names = [n for n in inspect.signature(make).parameters if n not in _FIXED]
        chosen = {name: settings[name] for name in names if name in settings}
        used.update(chosen)
        parts[role] = make(**chosen)
    for name in settings:
        if name not in used and name not in own:
            known = {n for make in makers.values() for n in inspect.signature(make).parameters}
            raise unknown_name("attack setting", name, (known | set(own)) - _FIXED)
    rest = {name: settings[name] for name in own if name in settings}
    return Attack(**parts, select=select, **rest)


_FIXED = {"select"}


def radii(epsilon: float | Sequence[float]) -> np.ndarray:
    """`epsilon` as float64 [E].

    Raises:
      InputError: none, or one that is not positive and finite.
    """
    levels = np.atleast_1d(np.asarray(epsilon, np.float64))
    if levels.ndim != 1 or not levels.size or not (np.isfinite(levels) & (levels > 0)).all():
        raise InputError(
            f"epsilon must be positive (in input units), got {np.asarray(epsilon).tolist()}; "
            "give radii such as 1,2,4,8."
        )
    return levels


def _check_in_range(x: np.ndarray, limits: InputRange) -> None:
    slack = 1e-3 * limits.unit
    outside = ((x < limits.low - slack) | (x > limits.high + slack)).reshape(len(x), -1).any(axis=1)
    if outside.any():
        bad = int(np.flatnonzero(outside)[0])
        raise InputError(
            f"Sample {bad} of the batch has values from {x[bad].min():g} to {x[bad].max():g}, "
            f"outside the valid range {np.min(limits.low):g} to {np.max(limits.high):g}; "
            "give inputs in model units and the bounds of those."
        )


def _problem(
    objective: Objective,
    limits: InputRange,
    levels: np.ndarray,
    x: tf.Tensor,
    target: tf.Tensor,
    label: tf.Tensor,
    reference: tf.Tensor,
    seeds: tf.Tensor,
) -> Problem:
    """Radii folded into the batch axis: row `e * B + b` is image b at radius e."""
    count, rows = len(levels), len(levels) * x.shape[0]

    def tile(tensor: tf.Tensor) -> tf.Tensor:
        return tf.tile(tensor, [count] + [1] * (tensor.shape.rank - 1))

    def spread(values: np.ndarray) -> tf.Tensor:
        shape = [1] * (x.shape.rank - values.ndim) + list(values.shape)
        tensor = tf.reshape(tf.constant(values, x.dtype), shape)
        return tf.repeat(tensor, rows, axis=0)

    unit = spread(limits.unit)
    radius = tf.repeat(tf.constant(levels, x.dtype), x.shape[0])
    radius = tf.reshape(radius, [rows] + [1] * (x.shape.rank - 1)) * unit
    return Problem(
        start=tile(x),
        radius=radius,
        low=spread(limits.low),
        high=spread(limits.high),
        unit=unit,
        target=tile(target),
        label=tile(label),
        reference=tile(reference),
        fixed=tile(objective.fixed(reference)),
        seed=tile(seeds),
    )
