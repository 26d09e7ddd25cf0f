"""What an attack found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The worst label-keeping perturbation found for each radius and image.

    E radii, B images. A failed row (no iterate kept the label, or none ever moved) holds the clean
    input and map, `success` False and NaN in every metric; it never reads as "nothing changed".

    Attributes:
      epsilon: radii [E] in input units, or [E, B].
      perturbed: inputs [E, B, ...] in model units.
      success: bool [E, B]: the attack moved and kept what it has to keep, on the user's own model:
        the label, the set of labels, or the outputs of a regression to within the tolerance.
      stuck: bool [E, B]: no step went anywhere, since the objective's derivative is zero where the
        attack began: a map that is constant all around, or more often one that is constant in
        pieces, under an attack without a surrogate. Never a success, for nothing was tried.
      metrics: name to float64 [E, B]: similarity of the clean and the perturbed map on the true
        network (`top_k_intersection`, `top_k_chance_corrected`, `spearman`, `cosine`, and for
        images `lens_recall`, `lens_precision`, `center_shift` and `ssim`), `objective`, `linf` and
        `l2` (of the perturbation, in input units), `confidence_before`, `confidence_after` (of the
        label by the model's own output, the mean over a set of labels; for a regression
        `output_before` and `output_after`, the number explained).
      map_before: clean maps [B, ...], each summing to 1.
      map_after: maps of the perturbed inputs [E, B, ...].
      label: what is kept: int [B] labels, bool [B, C] sets of labels, or float [B, units].
      predicted: [E, ...], the same of `perturbed`, on the user's own model.
      steps_to_best: int [E, B], the step at which the kept iterate was found; 0 for none.
      history: [E, B, T], the damage of the worst iterate so far after each step, by the rule that
        selects; minus infinity before one has kept the label.
      gradient_evaluations: [E, B], derivatives of the objective taken.
      model_gradients: [E, B], gradients of the model's scores taken besides.
      scoring_evaluations: [E, B], maps of the true network computed to choose or to move.
      forward_equivalents: [E, B], all of it in forward passes of the model, see `cost`.
      chance: top-k intersection of two unrelated maps.
      notes: what has to be known before the numbers are believed, a sentence each: what the
        derivative gate found or that it was declined, layers with a kink and no surrogate,
        attacks that never moved, clean maps that are no explanation.
      doubts: [B], what makes each clean map no explanation, one clause; empty where nothing does.
    """

    epsilon: np.ndarray
    perturbed: np.ndarray
    success: np.ndarray
    stuck: np.ndarray
    metrics: Mapping[str, np.ndarray]
    map_before: np.ndarray
    map_after: np.ndarray
    label: np.ndarray
    predicted: np.ndarray
    steps_to_best: np.ndarray
    history: np.ndarray
    gradient_evaluations: np.ndarray
    model_gradients: np.ndarray
    scoring_evaluations: np.ndarray
    forward_equivalents: np.ndarray
    chance: float
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def radius(self, level: int, image: int) -> float:
        """The radius of one attack, in input units."""
        return float(self.epsilon[level] if self.epsilon.ndim == 1 else self.epsilon[level, image])
