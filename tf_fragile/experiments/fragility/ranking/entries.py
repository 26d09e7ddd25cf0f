"""The ranking of explainers, as data."""

from __future__ import annotations

from tf_fragile.experiments.fragility.ranking.presets import RANKINGS
from tf_fragile.experiments.frame.asked import Images
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.experiments.frame.presets import PRESET_NAMES
from tf_fragile.registry import later

EXPLAINER_RANKING = Figure(
    paper="fragility",
    text="How much of each explainer's map one attack leaves at one radius, all together.",
    presets={name: RANKINGS[name] for name in PRESET_NAMES},
    prepare=later("tf_fragile.experiments.fragility.ranking.figure:prepare"),
    images=Images(chosen=True),
    seed="Of the choice of images and of everything random.",
)
