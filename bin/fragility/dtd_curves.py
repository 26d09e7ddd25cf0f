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
    from tf_fragile.experiments.fragility.curves.imagenet import dtd_curves

    shared.compare_on_squeezenet(given, preset, dtd_curves(), sys.argv)


if __name__ == "__main__":
    cli.run(main)
