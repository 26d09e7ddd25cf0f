"""What an attack costs, counted."""

from __future__ import annotations

from typing import NamedTuple


class Cost(NamedTuple):
    """How often something was computed for one image.

    Attributes:
      derivatives: of the objective, through the explainer's own backward pass (second order).
      maps: maps of the true network, with a label check where an iterate is scored.
      gradients: of a score of the true network (first order).
    """

    derivatives: float = 0
    maps: float = 0
    gradients: float = 0


PULL = Cost(gradients=1)  # what drawing one step back to its label adds

# Forward passes of the model, measured on SqueezeNet for the gradient explainer
# (`docs/results/performance.md`), times the gradients behind one map for the others.
_OF_DERIVATIVE, _OF_MAP, _OF_LABEL, _OF_GRADIENT = 5.7, 2.05, 1.0, 2.05


def forward_equivalents(cost: Cost, evaluations: int) -> float:
    """`cost` in forward passes of the model.

    Args:
      cost: counts for one image.
      evaluations: gradients of the model behind one map (`Method.evaluations`).
    """
    of_maps = evaluations * (_OF_DERIVATIVE * cost.derivatives + _OF_MAP * cost.maps)
    return of_maps + _OF_LABEL * cost.maps + _OF_GRADIENT * cost.gradients
