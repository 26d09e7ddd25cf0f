"""The contest of optimisers, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.frame.asked import Flags, Images
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.experiments.frame.presets import PRESET_NAMES
from tf_fragile.registry import later

SUBJECTS = {"imagenet": "squeezenet_v1.0", "cifar": "cifar10_fragility"}
"""The network of each contest."""


@dataclass(frozen=True)
class Wanted:
    """Which contest, and what flags say in place of its settings; see `presets.contest`.

    Attributes:
      data: a key of `SUBJECTS`.
      preset: by its name.
      methods: which ones; all where empty.
      num_images: of all methods.
      sign_steps: likewise.
      epsilon: radius in grey levels.
      sign_surrogate: of all methods.
      width: of the CIFAR-10 network.
    """

    data: str
    preset: str
    methods: tuple[str, ...] = ()
    num_images: int | None = None
    sign_steps: int | None = None
    epsilon: float | None = None
    sign_surrogate: str | None = None
    width: float | None = None


def _define() -> None:
    flags.DEFINE_enum("contest", "imagenet", tuple(SUBJECTS), "Which network and images.")
    cli.define_width(None, "Of the CIFAR-10 network, as it was trained.")
    flags.DEFINE_list("methods", [], "Methods; all of the contest's where empty.")
    flags.DEFINE_integer("num_images", None, "Correctly classified images, for all methods.")
    flags.DEFINE_integer("sign_steps", None, "Steps of the sign attack, for all methods.")
    flags.DEFINE_string("sign_surrogate", None, "Surrogate of the sign attack, for all methods.")
    flags.DEFINE_float("epsilon", None, "Radius in grey levels.")


def _read(given: Any) -> Wanted:
    return Wanted(
        given.contest,
        given.preset,
        tuple(given.methods),
        given.num_images,
        given.sign_steps,
        given.epsilon,
        given.sign_surrogate,
        given.width,
    )


BUDGET_CURVE = Figure(
    paper="fragility",
    text="Damage against evaluations for every optimiser, on the same images and radius.",
    presets={name: Wanted("imagenet", name) for name in PRESET_NAMES},
    prepare=later("tf_fragile.experiments.fragility.contests.figure:prepare"),
    images=Images(weights="Weights of the network, .npz.", weights_needed=True),
    flags=Flags(_define, _read),
    seed="Of the choice of images and of everything random.",
    out="out/figures/budget/CONTEST/PRESET",
    stands_for=("contest", "preset"),
)
