"""The figures of the geometry, as data."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.fragility.geometry.settings import PRESETS
from tf_fragile.experiments.frame.asked import Flags, Images
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.registry import later

_ROOM = "tf_fragile.experiments.fragility.geometry"
_CIFAR = "cifar10_fragility"


def _width_of_network() -> None:
    cli.define_width(0.25, "Width factor of cifar10_fragility; 1 is the paper's network.")


def _width_of_weights() -> None:
    cli.define_width(0.25, "Width factor of the trained weights.")


ORTHOGONALITY = Figure(
    paper="fragility",
    text="Angles between the most fragile direction of a map and the gradient.",
    presets=PRESETS["orthogonality"],
    prepare=later(f"{_ROOM}.orthogonality:prepare"),
    images=Images(
        model=_CIFAR,
        chosen=True,
        data="tfds:cifar10/test",
        weights="Weights of the network; cifar10_fragility is trained into --out if none.",
    ),
    more=Flags(_width_of_network),
    seed="Of the choice of images, the starts and the random vectors.",
)
DEMO_DIMENSION = Figure(
    paper="fragility",
    text="How far one softplus unit's map can be changed, against the dimension of its input.",
    presets=PRESETS["demo_dimension"],
    prepare=later(f"{_ROOM}.demo_dimension:prepare"),
    seed="Of the weights and the random signs.",
)
DEMO_TWO_LAYER = Figure(
    paper="fragility",
    text="The angle between gradient and most fragile direction in random two-layer networks.",
    presets=PRESETS["demo_two_layer"],
    prepare=later(f"{_ROOM}.demo_two_layer:prepare"),
    seed="Of the networks and the starts.",
)
DEMO_LIPSCHITZ = Figure(
    paper="fragility",
    text="Bounds on how fast the gradient can change beside the fastest change found.",
    presets=PRESETS["demo_lipschitz"],
    prepare=later(f"{_ROOM}.demo_lipschitz:prepare"),
    seed="Of the networks and the searches.",
)
INTUITION = Figure(
    paper="fragility",
    text="A network of two inputs whose gradient turns within a small box around a point.",
    presets=PRESETS["intuition"],
    prepare=later(f"{_ROOM}.intuition:prepare"),
    seed="Of the data and the training.",
)
TAB_CIFAR_NET = Figure(
    paper="fragility",
    text="The layers of the CIFAR-10 network beside the published ones, and its accuracies.",
    presets=PRESETS["tab_cifar_net"],
    prepare=later(f"{_ROOM}.cifar_net:prepare"),
    images=Images(
        model=_CIFAR,
        data="tfds:cifar10/test",
        weights="Trained weights, manifests beside them; the first, with ReLUs, is measured.",
        several_weights=True,
    ),
    more=Flags(_width_of_weights),
    seed="Of the choice of test images.",
)
