"""An attack judged again by `model.predict` and by maps of Keras' own tape."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

import tf_fragile as tff
from random_models import reference
from random_models.checks import Wrong
from random_models.subject import Subject
from tf_fragile.backprop.network import Network


def check_attack(subject: Subject, network: Network) -> None:
    """Four steps of the annealed attack on the plain gradient.

    Raises:
      Wrong: a success that changed the label, left the ball or the range, or did less than it says.
    """
    x = subject.x
    if tf.nest.is_nested(x):
        return
    whole = subject.recipe.kind == "bytes"
    bounds = (0.0, 255.0) if whole else (float(x.min()) - 1, float(x.max()) + 1)
    radius = 3.0 if whole else 0.1
    k = max(1, _places(np.zeros_like(x)).size // len(x) // 4)
    explainer = tff.explain("gradient", network)
    attack = tff.attack("top_k", k=k, optimizer="annealed_momentum", steps=4)
    result = attack(explainer, x, epsilon=radius, bounds=bounds)
    kept, success = reference.kept_labels(subject, x), result.success[0]
    found = result.perturbed[0]
    stuck = result.stuck[0] & success
    if stuck.any():
        raise Wrong("an attack that never moved is called a success")
    if not success.any():
        return
    again = reference.kept_labels(subject, found)
    same = (again == kept).reshape(len(x), -1).all(1)
    if not same[success].all():
        raise Wrong("success, and the label changed", f"{kept} became {again}, {success}")
    delta = np.abs(np.asarray(found, np.float64) - x).reshape(len(x), -1).max(1)
    if (delta > radius * (1 + 1e-3) + 1e-6).any():
        raise Wrong("out of the ball", f"{delta} > {radius}")
    if found.min() < bounds[0] - 1e-5 or found.max() > bounds[1] + 1e-5:
        raise Wrong("out of the valid range")
    _check_overlap(subject, x, found, k, result.metrics["top_k_intersection"][0], success)


def _check_overlap(
    subject: Subject, x: Any, found: Any, k: int, claimed: np.ndarray, success: np.ndarray
) -> None:
    """The overlap claimed is that of Keras' maps, up to pixels whose ranks are a tie."""
    label = reference.decision(subject, x)
    seen = np.floor(found) if subject.recipe.kind == "bytes" else found
    before = _places(reference.gradient(subject.exact, x, label))
    after = _places(reference.gradient(subject.exact, seen, label))
    own = (
        _places(reference.gradient(subject.twin, x, label)),
        _places(reference.gradient(subject.twin, seen, label)),
    )
    for i in np.flatnonzero(success):
        real = [_overlap(before[i], after[i], k), _overlap(own[0][i], own[1][i], k)]
        ties = _ties(before[i], k) + _ties(after[i], k)
        if min(abs(claimed[i] - r) for r in real) > (ties + 0.01) / k:
            raise Wrong("the overlap claimed", f"{claimed[i]}, by Keras' tape {real}, {ties} ties")


def _places(maps: np.ndarray) -> np.ndarray:
    """Absolute values [B, places], channels summed as an attack does."""
    reduced = np.abs(maps).sum(-1) if maps.ndim > 2 else np.abs(maps)
    return reduced.reshape(len(maps), -1)


def _overlap(a: np.ndarray, b: np.ndarray, k: int) -> float:
    return len(set(np.argsort(-a)[:k]) & set(np.argsort(-b)[:k])) / k


def _ties(a: np.ndarray, k: int) -> int:
    """How many places stand within rounding of the k-th."""
    border = np.sort(a)[-k]
    return int((np.abs(a - border) < 1e-3 * max(a.max(), 1e-12)).sum()) - 1
