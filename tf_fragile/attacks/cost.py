"""What an attack costs, counted."""

from __future__ import annotations

from typing import NamedTuple

from tf_fragile.explainers.catalog import entry_of
from tf_fragile.explainers.entry import GRADIENT, Price


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


BUILD = 5.0  # seconds to trace and compile one attack, measured on a free core
PULL = Cost(gradients=1)  # what drawing one step back to its label adds
_LABEL = 1.0  # forward passes that a label takes


def price(explainer: str, evaluations: int = 1) -> Price:
    """The measured price of a registered explainer; the gradient's for any other.

    Args:
      explainer: its registered name, with or without `:setting=value` behind it.
      evaluations: backward passes behind one map (`Method.evaluations`), for methods that average.
    """
    entry = entry_of(explainer)
    once = GRADIENT if entry is None else entry.price
    return Price(evaluations * once.map, evaluations * once.derivative)


def forward_equivalents(cost: Cost, price: Price) -> float:
    """`cost` in forward passes of the model, each scored map with a label check.

    Args:
      cost: counts for one image.
      price: of a map and of its derivative.
    """
    of_maps = price.derivative * cost.derivatives + (price.map + _LABEL) * cost.maps
    return of_maps + GRADIENT.map * cost.gradients
