"""The paper's curves on ImageNet: similarity of the maps, centre shift, deep Taylor's column."""

from __future__ import annotations

from tf_fragile.experiments.fragility.curves.comparison import Comparison
from tf_fragile.experiments.fragility.curves.paper import METRICS, paper_curves

MODEL = "squeezenet_v1.0"


def imagenet_curves() -> Comparison:
    """Top-1000 intersection and rank correlation against the radius."""
    return Comparison(
        "imagenet_curves",
        "ImageNet, SqueezeNet: attacks on the map, label kept",
        ("top_k_intersection", "spearman"),
        paper_curves(),
    )


def center_shift() -> Comparison:
    """Centre shift against the radius, from the same runs."""
    return Comparison(
        "center_shift",
        "ImageNet, SqueezeNet: how far the map's centre of mass moves",
        ("center_shift",),
        paper_curves(),
    )


def dtd_curves() -> Comparison:
    """All three metrics against the radius for deep Taylor decomposition, beside the gradient."""
    return Comparison(
        "dtd_curves",
        "ImageNet, SqueezeNet: attacks on deep Taylor decomposition, label kept",
        METRICS,
        paper_curves(),
    )
