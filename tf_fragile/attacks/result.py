"""What an attack found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The worst label-keeping perturbation found for each radius and image.

    E radii, B images. A failed row (no iterate kept the label) holds the clean input and map,
    `success` False and NaN in every metric; it never reads as "nothing changed".

    Attributes:
      epsilon: radii [E] in input units.
      perturbed: inputs [E, B, ...] in model units.
      success: bool [E, B]: the label was kept, on the user's own model.
      metrics: name to float64 [E, B]: similarity of the clean and the perturbed map on the true
        network (`top_k_intersection`, `spearman`, `cosine`, and for images `center_shift` and
        `ssim`), `objective`, `linf` (in input units), `confidence_before`, `confidence_after`.
      map_before: clean maps [B, ...], each summing to 1.
      map_after: maps of the perturbed inputs [E, B, ...].
      label: int [B], the label kept.
      predicted: int [E, B], the label of `perturbed` on the user's own model.
      steps_to_best: int [E, B], the step at which the kept iterate was found; 0 for none.
      gradient_evaluations: int [E, B], derivatives of the objective taken.
      scoring_evaluations: int [E, B], maps and logits of the true network computed to choose.
      chance: top-k intersection of two unrelated maps.
    """

    epsilon: np.ndarray
    perturbed: np.ndarray
    success: np.ndarray
    metrics: Mapping[str, np.ndarray]
    map_before: np.ndarray
    map_after: np.ndarray
    label: np.ndarray
    predicted: np.ndarray
    steps_to_best: np.ndarray
    gradient_evaluations: np.ndarray
    scoring_evaluations: np.ndarray
    chance: float
