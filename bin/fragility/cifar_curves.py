"""Overlap, rank correlation and centre shift of attacked maps on CIFAR-10."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

cli.define_width(0.25, "Width factor of the network; 1 is the paper's.")
_TRAIN_STEPS = flags.DEFINE_integer(
    "train_steps", None, "Parameter updates instead of the recipe's, where weights are trained."
)
shared.define(
    "out/figures/cifar_curves/PRESET",
    data="tfds:cifar10/test",
    weights="Weights of cifar10_fragility; trained into --out first if none.",
)


def main(argv: list[str]) -> None:
    """Trains where needed and makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    preset = shared.preset_of(given, "cifar")
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.curves.cifar import MODEL, cifar_curves, weights_for
    from tf_fragile.experiments.fragility.curves.comparison import compare
    from tf_fragile.experiments.fragility.subject import open_subject

    out = shared.output(given)
    weights = given.weights or weights_for(
        given.width,
        out,
        seed=given.seed,
        train_steps=_TRAIN_STEPS.value,
        data_dir=given.data_dir,
    )
    subject = open_subject(
        MODEL, weights=str(weights), data=given.data, data_dir=given.data_dir, width=given.width
    )
    compare(
        cifar_curves(),
        subject,
        preset,
        out,
        seed=given.seed,
        command=shared.command(sys.argv),
    )


if __name__ == "__main__":
    cli.run(main)
