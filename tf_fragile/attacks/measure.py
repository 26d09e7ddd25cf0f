"""What a finished attack did, measured on the user's own model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.loop import Loop
from tf_fragile.attacks.state import Problem, State
from tf_fragile.backprop.batches import in_chunks
from tf_fragile.data.ranges import InputRange
from tf_fragile.explainers.contract import Stochastic
from tf_fragile.explainers.noise import folded
from tf_fragile.metrics.catalog import similarities

_FRESH = 2**17  # past every step that an attack folds into its seeds


@dataclass(frozen=True, eq=False)
class Measured:
    """Per row: what `AttackResult` holds, before it is folded by radius."""

    perturbed: np.ndarray
    success: np.ndarray
    predicted: np.ndarray
    reference: np.ndarray
    maps: np.ndarray
    metrics: dict[str, np.ndarray]


def measure(
    loop: Loop, limits: InputRange, problem: Problem, state: State, rows: int, *, fill: bool
) -> Measured:
    """Labels, maps, metrics and size of the kept iterates, `rows` at a time.

    Random methods are measured with fresh noise, the same for the clean and the perturbed map:
    the noise under which an iterate was chosen would flatter the attack.

    Args:
      loop: what ran.
      limits: the valid range.
      problem: what stayed fixed.
      state: where the loop ended.
      rows: of a chunk.
      fill: whether the last chunk is filled up, for models that take one batch size only.
    """
    columns = in_chunks(
        lambda given: _measure_rows(loop, *given), rows, (problem, state.best), fill=fill
    )
    labels, before, after, reference, maps, values = (column.numpy() for column in columns)
    wanted = problem.label.numpy()
    success = (state.step.numpy() > 0) & state.moved.numpy() & loop.kept.same(labels, wanted)
    best = np.where(_wide(success, problem.start), state.best, problem.start)
    dtype = problem.start.dtype
    metrics = similarities(tf.constant(reference, dtype), tf.constant(maps, dtype), loop.k)
    metrics["objective"] = values
    metrics |= _sizes(best, problem.start.numpy(), limits)
    metrics |= dict(zip(loop.kept.names, (before, after), strict=True))
    return Measured(
        perturbed=best,
        success=success,
        predicted=np.where(_wide(success, wanted), labels, wanted),
        reference=reference,
        maps=np.where(_wide(success, maps), maps, reference),
        metrics={n: np.where(success, v, np.nan).astype(np.float64) for n, v in metrics.items()},
    )


def _measure_rows(loop: Loop, part: Problem, x: tf.Tensor) -> list[tf.Tensor]:
    """Labels, what is said of them before and after, clean maps, maps, objective of some rows."""
    explainer, kept = loop.explainer, loop.kept
    network = explainer.network
    if isinstance(explainer.method, Stochastic) and explainer.method.stochastic:
        seed = folded(part.seed, _FRESH)
        reference = loop.map(explainer(part.start, part.target, seed), part)
        fixed = loop.objective.fixed(reference)
        part = part._replace(seed=seed, reference=reference, fixed=fixed)
    maps = loop.map(explainer(x, part.target, part.seed), part)
    return [
        kept.of(network, x),
        kept.said(network, part.start, part.target, part.label),
        kept.said(network, x, part.target, part.label),
        part.reference,
        maps,
        loop.objective.value(maps, part.fixed),
    ]


def _sizes(x: np.ndarray, start: np.ndarray, limits: InputRange) -> dict[str, np.ndarray]:
    """Norms of the perturbation in input units."""
    delta = ((x - start) / limits.unit).reshape(len(x), -1)
    return {"linf": np.abs(delta).max(axis=1), "l2": np.linalg.norm(delta, axis=1)}


def _wide(rows: np.ndarray, like: Any) -> np.ndarray:
    return rows.reshape([-1] + [1] * (len(like.shape) - 1))
