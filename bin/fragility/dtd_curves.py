"""Overlap, rank correlation and centre shift of attacked deep Taylor maps, against the radius."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

# The directory of imagenet_curves.py, whose runs of the gradient this figure shows beside.
shared.define("out/figures/imagenet/PRESET", data=None, weights="Weights of SqueezeNet v1.0, .npz.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    preset = shared.preset_of(given, "dtd")
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.curves.comparison import compare
    from tf_fragile.experiments.fragility.curves.imagenet import MODEL, dtd_curves
    from tf_fragile.experiments.fragility.subject import open_subject

    subject = open_subject(MODEL, weights=given.weights, data=given.data, data_dir=given.data_dir)
    compare(
        dtd_curves(),
        subject,
        preset,
        shared.output(given),
        seed=given.seed,
        command=shared.command(sys.argv),
    )


if __name__ == "__main__":
    cli.run(main)
