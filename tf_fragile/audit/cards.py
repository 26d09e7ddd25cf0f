"""The gallery of a report as plain values for its template: one card an image and explainer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf_fragile.audit.pictures import Example, View, difference, difference_factor, heat_map, photo
from tf_fragile.metrics.catalog import heading_of, is_share
from tf_fragile.probes.fragility.names import RANDOM


def gallery_settings(examples: Sequence[Example]) -> dict[str, Any]:
    """The choices that the page offers: attacks, epsilons, and which of them it opens with."""
    attacks = sorted({e.attack for e in examples}, key=lambda name: (name == RANDOM, name))
    epsilons = sorted({view.epsilon for example in examples for view in example.views})
    return {"attacks": attacks, "epsilons": epsilons}


def cards(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Groups examples by image and explainer, in the order of their first appearance."""
    settings = gallery_settings(examples)
    grouped: dict[tuple[int, str], list[Example]] = {}
    for example in examples:
        grouped.setdefault((example.sample, example.explainer), []).append(example)
    return [_card(group, settings) for group in grouped.values()]


def metric_text(name: str, value: float) -> str:
    """A metric value as shown beside a picture."""
    if not math.isfinite(value):
        return "undefined"
    if name == "linf":  # in units of epsilon, which may be small ones
        return f"{value:.3g}"
    return f"{value:.2f}" if is_share(name) else f"{value:.1f}"


def _card(group: Sequence[Example], settings: dict[str, Any]) -> dict[str, Any]:
    first = group[0]
    return {
        "sample": first.sample,
        "label": first.label,
        "explainer": first.explainer,
        "who": _who(first),
        "original": _drawn(photo, first.original),
        "map": _drawn(heat_map, first.map),
        "pixelated": max(first.original.shape[:2]) <= 64,
        "views": [
            {
                "attack": settings["attacks"].index(example.attack),
                "attack_name": example.attack,
                "epsilon": settings["epsilons"].index(view.epsilon),
                "epsilon_text": f"{view.epsilon:g}",
                **_view(example, view),
            }
            for example in group
            for view in example.views
        ],
    }


@dataclass(frozen=True)
class Tile:
    """One picture of a card.

    Attributes:
      uri: its content; empty where it can't be drawn.
      problem: why not, a sentence.
    """

    uri: str = ""
    problem: str = ""


def _drawn(draw: Callable[..., str], *values: Any) -> Tile:
    """A picture, or the reason why there is none: one picture is not worth a report."""
    try:
        return Tile(uri=draw(*values))
    except Exception as error:  # whatever a library for pictures raises
        shapes = " and ".join(str(list(np.shape(value))) for value in values if np.ndim(value))
        return Tile(problem=f"This picture of shape {shapes} can't be drawn ({error}).")


def _who(example: Example) -> list[tuple[str, str]]:
    """Whom a card shows: name and value of what is known."""
    said = [
        ("file", "" if example.file == f"image {example.sample}" else example.file),
        ("true label", example.true_label),
        ("predicted", example.label if example.true_label else ""),
        ("shown as", example.place),
    ]
    return [(name, value) for name, value in said if value]


def _view(example: Example, view: View) -> dict[str, Any]:
    if not view.success:
        return {"success": False}
    factor = difference_factor(view.epsilon, example.grey_level)
    return {
        "success": True,
        "perturbed": _drawn(photo, view.perturbed),
        "difference": _drawn(difference, example.original, view.perturbed, factor),
        "factor": f"{factor:.3g}",
        "map": _drawn(heat_map, view.map),
        "predicted": view.predicted,
        "kept": view.predicted == example.label,
        "before": f"{100 * view.confidence_before:.1f}",
        "after": f"{100 * view.confidence_after:.1f}",
        "metrics": [
            (heading_of(name), metric_text(name, value)) for name, value in view.metrics.items()
        ],
    }
