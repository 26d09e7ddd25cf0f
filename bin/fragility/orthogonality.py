"""Angles between the most fragile direction of a map and the gradient of the prediction."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared
from tf_fragile.experiments.fragility.geometry import flags as geometry_flags

FIGURE = "orthogonality"
_MODEL = flags.DEFINE_string("model", "cifar10_fragility", "A network of the zoo.")
_DATA = flags.DEFINE_string(
    "data", "tfds:cifar10/test", "folder:DIR, npz:FILE, tfds:NAME/SPLIT or embedded."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
_WEIGHTS = flags.DEFINE_string(
    "weights", None, "Weights of the network; cifar10_fragility is trained into --out if none."
)
cli.define_width(0.25, "Width factor of cifar10_fragility; 1 is the paper's network.")
geometry_flags.define(FIGURE, seed="Of the choice of images, the starts and the random vectors.")


def main(argv: list[str]) -> None:
    """Trains where needed and makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    settings = geometry_flags.settings(given, FIGURE)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.curves.cifar import MODEL, weights_for
    from tf_fragile.experiments.fragility.geometry.orthogonality import orthogonality
    from tf_fragile.experiments.fragility.geometry.output import Request
    from tf_fragile.experiments.fragility.geometry.softplus_net import ACTIVATION, finetuned_weights
    from tf_fragile.experiments.fragility.subject import open_subject

    out = shared.output(given)
    weights, data_dir = _WEIGHTS.value, _DATA_DIR.value
    options: dict[str, Any] = {}
    if _MODEL.value == MODEL:
        width, steps, seed = given.width, settings.finetune_steps, given.seed
        relu = Path(weights or weights_for(width, out, seed=seed, data_dir=data_dir))
        weights, options = str(relu), {"width": width}
        if steps:
            weights = str(finetuned_weights(relu, width, steps, out, seed=seed, data_dir=data_dir))
            options["activation"] = ACTIVATION
    subject = open_subject(
        _MODEL.value, weights=weights, data=_DATA.value, data_dir=data_dir, **options
    )
    orthogonality(subject, settings, Request(out, given.seed, shared.command(sys.argv)))


if __name__ == "__main__":
    cli.run(main)
