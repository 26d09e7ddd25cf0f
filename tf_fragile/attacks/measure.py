"""What a finished attack did, measured on the user's own model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.objectives import Objective
from tf_fragile.attacks.state import Problem, State, spatial_map
from tf_fragile.data.ranges import InputRange
from tf_fragile.explainers.contract import Stochastic
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.noise import folded
from tf_fragile.metrics.similarity import (
    above_chance,
    center_shift,
    cosine,
    lens_precision,
    lens_recall,
    spearman,
    ssim,
    top_k_intersection,
)

_SMALLEST_SSIM_SIDE = 3
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
    explainer: Explainer,
    objective: Objective,
    limits: InputRange,
    problem: Problem,
    state: State,
    k: int,
    rows: int,
) -> Measured:
    """Labels, maps, metrics and size of the kept iterates, `rows` at a time.

    Random methods are measured with fresh noise, the same for the clean and the perturbed map:
    the noise under which an iterate was chosen would flatter the attack.
    """
    stochastic = isinstance(explainer.method, Stochastic) and explainer.method.stochastic
    parts = []
    for begin in range(0, problem.start.shape[0], rows):
        part = problem.rows(begin, begin + rows)
        if stochastic:
            seed = folded(part.seed, _FRESH)
            reference = spatial_map(explainer(part.start, part.target, seed))
            part = part._replace(seed=seed, reference=reference, fixed=objective.fixed(reference))
        parts.append(_measure_rows(explainer, objective, part, state.best[begin : begin + rows]))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    labels, before, after, reference, maps, values = columns
    success = (state.step.numpy() > 0) & (labels == problem.label.numpy())
    best = np.where(_wide(success, problem.start), state.best, problem.start)
    dtype = problem.start.dtype
    metrics = _similarities(tf.constant(reference, dtype), tf.constant(maps, dtype), k)
    metrics["objective"] = values
    metrics |= _sizes(best, problem.start.numpy(), limits)
    metrics["confidence_before"] = before
    metrics["confidence_after"] = after
    return Measured(
        perturbed=best,
        success=success,
        predicted=np.where(success, labels, problem.label.numpy()),
        reference=reference,
        maps=np.where(_wide(success, maps), maps, reference),
        metrics={n: np.where(success, v, np.nan).astype(np.float64) for n, v in metrics.items()},
    )


def _measure_rows(
    explainer: Explainer, objective: Objective, part: Problem, x: tf.Tensor
) -> list[np.ndarray]:
    """Labels, confidences before and after, clean maps, maps and the objective of some rows."""
    network = explainer.network

    def confidence(inputs: tf.Tensor) -> np.ndarray:
        probabilities = network.probabilities(network.logits(inputs))
        return tf.gather(probabilities, part.label, batch_dims=1).numpy()

    maps = spatial_map(explainer(x, part.target, part.seed))
    return [
        network.predict(x).numpy(),
        confidence(part.start),
        confidence(x),
        part.reference.numpy(),
        maps.numpy(),
        objective.value(maps, part.fixed).numpy(),
    ]


def _similarities(clean: tf.Tensor, perturbed: tf.Tensor, k: int) -> dict[str, np.ndarray]:
    overlap, size = top_k_intersection(clean, perturbed, k).numpy(), clean.shape[1:].num_elements()
    values = {
        "top_k_intersection": overlap,
        "spearman": spearman(clean, perturbed).numpy(),
        "cosine": cosine(clean, perturbed).numpy(),
    }
    if k < size:
        values["top_k_chance_corrected"] = above_chance(overlap, size, k)
    if clean.shape.rank == 3:
        values["lens_recall"] = lens_recall(clean, perturbed, k).numpy()
        values["lens_precision"] = lens_precision(clean, perturbed, k).numpy()
        values["center_shift"] = center_shift(clean, perturbed).numpy()
        if min(clean.shape[1:]) >= _SMALLEST_SSIM_SIDE:
            values["ssim"] = ssim(clean.numpy(), perturbed.numpy())
    return values


def _sizes(x: np.ndarray, start: np.ndarray, limits: InputRange) -> dict[str, np.ndarray]:
    """Norms of the perturbation in input units."""
    delta = ((x - start) / limits.unit).reshape(len(x), -1)
    return {"linf": np.abs(delta).max(axis=1), "l2": np.linalg.norm(delta, axis=1)}


def _wide(rows: np.ndarray, like: Any) -> np.ndarray:
    return rows.reshape([-1] + [1] * (len(like.shape) - 1))
