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


BUILD = 5.0  # seconds to trace and compile one attack, measured on a free core
PULL = Cost(gradients=1)  # what drawing one step back to its label adds


class Price(NamedTuple):
    """What one evaluation takes for one image, in forward passes of the model.

    Attributes:
      map: an attribution map of the true network.
      derivative: that of an objective of the map.
    """

    map: float
    derivative: float


# Measured on SqueezeNet, `docs/results/performance.md`; for one evaluation (guided Grad-CAM has
# two).
_LABEL = 1.0
_GRADIENT = Price(map=2.05, derivative=5.7)
_PRICES = {
    "deconvnet": Price(2.2, 6.6),
    "deep_taylor": Price(3.6, 10.4),
    "deeplift_ablation": Price(6.9, 16.2),
    "deeplift_rescale": Price(3.6, 9.4),
    "deeplift_reveal_cancel": Price(13.3, 33.2),
    "excitation_backprop": Price(3.6, 9.9),
    "grad_cam": Price(1.1, 4.3),
    "guided_backprop": Price(2.2, 6.1),
    "guided_grad_cam": Price(1.5, 4.9),
    "lrp_alpha_beta": Price(6.3, 15.3),
    "lrp_cmp": Price(3.9, 10.1),
    "lrp_epsilon": Price(2.8, 9.3),
    "lrp_epsilon_alpha2_beta1": Price(6.1, 15.4),
    "lrp_epsilon_plus": Price(3.6, 10.1),
    "lrp_flat": Price(2.3, 7.1),
    "lrp_gamma": Price(4.0, 16.2),
    "lrp_wsquare": Price(2.4, 7.1),
    "lrp_zbox": Price(3.4, 9.3),
    "lrp_zero": Price(2.9, 9.0),
    "lrp_zplus": Price(3.5, 9.8),
    "pattern_attribution": Price(3.5, 12.3),
    "pattern_net": Price(3.5, 12.0),
    "rectgrad": Price(4.3, 9.4),
}


def price(explainer: str, evaluations: int = 1) -> Price:
    """The measured price of a registered explainer; the gradient's for any other.

    Args:
      explainer: its registered name, with or without `:setting=value` behind it.
      evaluations: backward passes behind one map (`Method.evaluations`), for methods that average.
    """
    once = _PRICES.get(explainer.partition(":")[0], _GRADIENT)
    return Price(evaluations * once.map, evaluations * once.derivative)


def forward_equivalents(cost: Cost, price: Price) -> float:
    """`cost` in forward passes of the model, each scored map with a label check.

    Args:
      cost: counts for one image.
      price: of a map and of its derivative.
    """
    of_maps = price.derivative * cost.derivatives + (price.map + _LABEL) * cost.maps
    return of_maps + _GRADIENT.map * cost.gradients
