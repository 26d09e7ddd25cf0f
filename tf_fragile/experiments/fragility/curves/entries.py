"""The figures of curves, as data."""

from __future__ import annotations

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility.budgets import PRESETS
from tf_fragile.experiments.fragility.flags import of_preset
from tf_fragile.experiments.frame.asked import Flags, Images
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.registry import later

_SEED = "Of the choice of images and of the random signs."
_SQUEEZENET = Images(weights="Weights of SqueezeNet v1.0, .npz.")
_ON_IMAGENET = later("tf_fragile.experiments.fragility.curves.imagenet:prepare")
# One directory for three figures, which share the runs in it.
_SHARED = "out/figures/imagenet/PRESET"


def _define_training() -> None:
    cli.define_width(0.25, "Width factor of the network; 1 is the paper's.")
    flags.DEFINE_integer(
        "train_steps", None, "Parameter updates instead of the recipe's, where weights are trained."
    )


IMAGENET_CURVES = Figure(
    paper="fragility",
    text="Overlap and rank correlation of attacked maps on ImageNet, against the radius.",
    presets=PRESETS["imagenet"],
    prepare=_ON_IMAGENET,
    images=_SQUEEZENET,
    flags=of_preset("imagenet"),
    seed=_SEED,
    out=_SHARED,
)
CENTER_SHIFT = Figure(
    paper="fragility",
    text="Centre shift of attacked maps on ImageNet, from the runs of imagenet_curves.",
    presets=PRESETS["imagenet"],
    prepare=_ON_IMAGENET,
    images=_SQUEEZENET,
    flags=of_preset("imagenet"),
    seed=_SEED,
    out=_SHARED,
)
DTD_CURVES = Figure(
    paper="fragility",
    text="Overlap, rank correlation and centre shift of attacked deep Taylor maps.",
    presets=PRESETS["dtd"],
    prepare=_ON_IMAGENET,
    images=_SQUEEZENET,
    flags=of_preset("dtd"),
    seed=_SEED,
    out=_SHARED,
)
CIFAR_CURVES = Figure(
    paper="fragility",
    text="Overlap, rank correlation and centre shift of attacked maps on CIFAR-10.",
    presets=PRESETS["cifar"],
    prepare=later("tf_fragile.experiments.fragility.curves.cifar:prepare"),
    images=Images(
        model="cifar10_fragility",
        data="tfds:cifar10/test",
        weights="Weights of cifar10_fragility; trained into --out first if none.",
    ),
    flags=of_preset("cifar"),
    more=Flags(_define_training),
    seed=_SEED,
)
