"""The figures of single images, as data."""

from __future__ import annotations

from typing import Any

from absl import flags

from tf_fragile.experiments.fragility.budgets import PRESETS
from tf_fragile.experiments.fragility.flags import define_samples, of_preset, samples
from tf_fragile.experiments.fragility.images.wanted import Example, Region
from tf_fragile.experiments.frame.asked import Flags, Images
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.experiments.frame.flags import numbers
from tf_fragile.registry import later

_SEED = "Of the choice of images and of the random signs."
_ANY = Images(chosen=True)
_ROOM = "tf_fragile.experiments.fragility.images"


def _define_example() -> None:
    define_samples()
    flags.DEFINE_enum(
        "objective", "mass_center", ("mass_center", "top_k"), "What the attack does to the map."
    )


def _example(given: Any) -> Example:
    return Example(samples(given), given.objective)


def _define_region() -> None:
    flags.DEFINE_integer(
        "sample", None, "Position of the image; the first trailer truck if none.", lower_bound=0
    )
    flags.DEFINE_list("region", None, "x0,y0,x1,y1 in pixels, instead of a superpixel.")
    flags.DEFINE_string("mask", None, "A picture whose bright pixels are the region.")


def _region(given: Any) -> Region:
    return Region(given.sample, numbers("region", given.region, int), given.mask)


ATTACK_EXAMPLES = Figure(
    paper="fragility",
    text="Images before and after an attack, with their maps.",
    presets=PRESETS["examples"],
    prepare=later(f"{_ROOM}.examples:prepare"),
    images=_ANY,
    flags=of_preset("examples"),
    more=Flags(_define_example, _example),
    seed=_SEED,
)
ATTACK_GALLERY = Figure(
    paper="fragility",
    text="Images and maps before and after attacks, a picture for each explainer.",
    presets=PRESETS["gallery"],
    prepare=later(f"{_ROOM}.gallery:prepare"),
    images=_ANY,
    flags=of_preset("gallery"),
    more=Flags(define_samples, samples),
    seed=_SEED,
)
DTD_EXAMPLES = Figure(
    paper="fragility",
    text="Images and their deep Taylor maps before and after attacks.",
    presets=PRESETS["dtd_examples"],
    prepare=later(f"{_ROOM}.dtd:prepare"),
    images=_ANY,
    flags=of_preset("dtd_examples"),
    seed=_SEED,
)
OBJECTIVE_VS_SUBJECTIVE = Figure(
    paper="fragility",
    text="The same image under several attacks, with every metric beside the map it is about.",
    presets=PRESETS["objectives"],
    prepare=later(f"{_ROOM}.subjective:prepare"),
    images=_ANY,
    flags=of_preset("objectives"),
    more=Flags(define_samples, samples),
    seed=_SEED,
)
TARGETED = Figure(
    paper="fragility",
    text="Draws the map of one image into a region that has nothing to do with its label.",
    presets=PRESETS["targeted"],
    prepare=later(f"{_ROOM}.targeted:prepare"),
    images=_ANY,
    flags=of_preset("targeted"),
    more=Flags(_define_region, _region),
    seed=_SEED,
)
