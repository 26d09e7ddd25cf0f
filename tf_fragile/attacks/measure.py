"""What a finished attack did, measured on the user's own model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.loop import Problem, State, spatial_map
from tf_fragile.attacks.objectives import Objective, TopK
from tf_fragile.data.ranges import InputRange
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.metrics.similarity import (
    center_shift,
    check_k,
    cosine,
    default_k,
    spearman,
    ssim,
    top_k_intersection,
)

_SMALLEST_SSIM_SIDE = 3


@dataclass(frozen=True, eq=False)
class Measured:
    """Per row: what `AttackResult` holds, before it is folded by radius."""

    perturbed: np.ndarray
    success: np.ndarray
    predicted: np.ndarray
    maps: np.ndarray
    metrics: dict[str, np.ndarray]


def reported_k(k: int | None, objective: Objective, maps: tf.TensorShape) -> int:
    """The k to report: asked for, or the objective's, or the default for the map's size.

    Raises:
      InputError: k larger than the map.
    """
    if k is None:
        size = maps[1:].num_elements()
        k = objective.k if isinstance(objective, TopK) else default_k(size)
    check_k(maps, k)
    return k


def measure(
    explainer: Explainer,
    objective: Objective,
    limits: InputRange,
    problem: Problem,
    state: State,
    k: int,
    rows: int,
) -> Measured:
    """Labels, maps, metrics and size of the kept iterates, `rows` at a time."""
    network, dtype = explainer.network, problem.start.dtype
    predicted: list[np.ndarray] = []
    before: list[np.ndarray] = []
    after: list[np.ndarray] = []
    maps: list[np.ndarray] = []
    values: list[np.ndarray] = []
    for begin in range(0, problem.start.shape[0], rows):
        part = Problem(*(t[begin : begin + rows] for t in problem))
        x = state.best[begin : begin + rows]
        predicted.append(network.predict(x).numpy())
        for confidences, inputs in ((before, part.start), (after, x)):
            probabilities = network.probabilities(network.logits(inputs))
            confidences.append(tf.gather(probabilities, part.label, batch_dims=1).numpy())
        found = spatial_map(explainer(x, part.target, part.seed))
        maps.append(found.numpy())
        values.append(objective.value(found, part.fixed).numpy())
    labels = np.concatenate(predicted)
    success = (state.step.numpy() > 0) & (labels == problem.label.numpy())
    best = tf.where(_wide(success, problem.start), state.best, problem.start)
    after_maps = tf.constant(np.concatenate(maps), dtype)
    metrics = _similarities(problem.reference, after_maps, k)
    metrics["objective"] = np.concatenate(values)
    metrics["linf"] = _linf(best.numpy(), problem.start.numpy(), limits)
    metrics["confidence_before"] = np.concatenate(before)
    metrics["confidence_after"] = np.concatenate(after)
    kept = tf.where(_wide(success, after_maps), after_maps, problem.reference)
    return Measured(
        perturbed=best.numpy(),
        success=success,
        predicted=np.where(success, labels, problem.label.numpy()),
        maps=kept.numpy(),
        metrics={n: np.where(success, v, np.nan).astype(np.float64) for n, v in metrics.items()},
    )


def _similarities(clean: tf.Tensor, perturbed: tf.Tensor, k: int) -> dict[str, np.ndarray]:
    values = {
        "top_k_intersection": top_k_intersection(clean, perturbed, k).numpy(),
        "spearman": spearman(clean, perturbed).numpy(),
        "cosine": cosine(clean, perturbed).numpy(),
    }
    if clean.shape.rank == 3:
        values["center_shift"] = center_shift(clean, perturbed).numpy()
        if min(clean.shape[1:]) >= _SMALLEST_SSIM_SIDE:
            values["ssim"] = ssim(clean.numpy(), perturbed.numpy())
    return values


def _linf(x: np.ndarray, start: np.ndarray, limits: InputRange) -> np.ndarray:
    return (np.abs(x - start) / limits.unit).reshape(len(x), -1).max(axis=1)


def _wide(rows: np.ndarray, like: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.constant(rows), [-1] + [1] * (like.shape.rank - 1))
