"""The gallery of a report as blocks: one card an image and explainer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf_fragile.metrics.catalog import heading_of, is_share
from tf_fragile.probes.fragility.examples import Example, View
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.report.blocks import Axis, Card, Gallery, Shot, Tile
from tf_fragile.report.pictures import difference, difference_factor, heat_map, photo

LEAD = (
    "The perturbed picture should look like the original; its explanation need not. Move the "
    "slider, or focus it and use the arrow keys."
)
HOW_DRAWN = (
    "Each explanation is drawn on its own scale, from zero to its 99th percentile. Pictures above "
    "128 pixels a side are shown as JPEG and at most 256 pixels large, which can hide a "
    "perturbation of a few grey levels; the difference and every number come from the exact "
    "values. An attack that succeeds proves fragility; one that fails proves nothing."
)
_PIXELS_SEEN = 64  # up to this side


def gallery_of(examples: Sequence[Example], text: str) -> Gallery:
    """The examples by image and explainer, in the order of their first appearance.

    Args:
      examples: one an image, explainer and attack.
      text: who is shown, a sentence.
    """
    attacks = sorted({e.attack for e in examples}, key=lambda name: (name == RANDOM, name))
    epsilons = sorted({view.epsilon for example in examples for view in example.views})
    grouped: dict[tuple[int, str], list[Example]] = {}
    for example in examples:
        grouped.setdefault((example.sample, example.explainer), []).append(example)
    return Gallery(
        cards=tuple(_card(group, attacks, epsilons) for group in grouped.values()),
        text=text,
        lead=LEAD,
        slider=Axis("epsilon", "perturbation ε", "ε", tuple(epsilons)),
        choice=Axis("attack", "attack", "attack", tuple(attacks)),
    )


def metric_text(name: str, value: float) -> str:
    """A metric value as shown beside a picture."""
    if not math.isfinite(value):
        return "undefined"
    if name == "linf":  # in units of epsilon, which may be small ones
        return f"{value:.3g}"
    return f"{value:.2f}" if is_share(name) else f"{value:.1f}"


def _card(group: Sequence[Example], attacks: Sequence[str], epsilons: Sequence[float]) -> Card:
    first = group[0]
    before = "Explanation of the original picture"
    return Card(
        title=first.label,
        subtitle=f"image {first.sample} · {first.explainer}",
        label=f"Image {first.sample}, {first.explainer}",
        who=_who(first),
        tiles=(
            _tile("Original", "", "Original picture", "o1", photo, first.original),
            _tile("Explanation before", "", before, "o4", heat_map, first.map),
        ),
        shots=tuple(
            _shot(example, view, attacks.index(example.attack), epsilons.index(view.epsilon))
            for example in group
            for view in example.views
        ),
        pixelated=max(first.original.shape[:2]) <= _PIXELS_SEEN,
    )


def _tile(
    title: str, note: str, alt: str, place: str, draw: Callable[..., str], *values: Any
) -> Tile:
    """A picture, or the reason why there is none: one picture is not worth a report."""
    try:
        return Tile(title, note, alt, uri=draw(*values), place=place)
    except Exception as error:  # whatever a library for pictures raises
        shapes = " and ".join(str(list(np.shape(value))) for value in values if np.ndim(value))
        problem = f"This picture of shape {shapes} can't be drawn ({error})."
        return Tile(title, note, alt, problem=problem, place=place)


def _who(example: Example) -> tuple[tuple[str, str], ...]:
    """Whom a card shows: name and value of what is known."""
    said = [
        ("file", "" if example.file == f"image {example.sample}" else example.file),
        ("true label", example.true_label),
        ("predicted", example.label if example.true_label else ""),
        ("shown as", example.place),
    ]
    return tuple((name, value) for name, value in said if value)


def _shot(example: Example, view: View, choice: int, step: int) -> Shot:
    where = f"{example.attack}, ε = {view.epsilon:g}"
    if not view.success:
        sentence = (
            f"{example.attack} at ε = {view.epsilon:g} found no perturbation that keeps the label."
        )
        return Shot(choice, step, failed=("Attack failed at this ε", sentence))
    factor = difference_factor(view.epsilon, example.grey_level)
    change = (example.original, view.perturbed, factor)
    times = f"Difference × {factor:.3g}"
    after = "Explanation of the perturbed picture"
    confidence = f"{100 * view.confidence_before:.1f} % → {100 * view.confidence_after:.1f} %"
    metrics = [(heading_of(n), metric_text(n, v), False) for n, v in view.metrics.items()]
    return Shot(
        choice,
        step,
        tiles=(
            _tile("Perturbed", where, "Perturbed picture", "o2", photo, view.perturbed),
            _tile(times, "around mid-grey", "Amplified difference", "o3", difference, *change),
            _tile("Explanation after", "", after, "o5", heat_map, view.map),
        ),
        facts=(
            ("predicted", view.predicted, view.predicted != example.label),
            ("confidence", confidence, False),
            *metrics,
        ),
    )
