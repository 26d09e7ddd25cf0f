"""The paper's curves on ImageNet: similarity of the maps, centre shift, deep Taylor's column."""

from __future__ import annotations

from tf_fragile.experiments.fragility.curves.comparison import Comparison, compare
from tf_fragile.experiments.fragility.curves.paper import METRICS, paper_curves
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import opened


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


COMPARISONS = {made.__name__: made for made in (imagenet_curves, center_shift, dtd_curves)}


def prepare(asked: Asked, place: Place) -> Job:
    """One of `COMPARISONS`, by the figure's name; opens network and data."""
    return compare(COMPARISONS[asked.name](), opened(asked), asked.settings, place)
