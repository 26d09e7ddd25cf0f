"""Overlap and rank correlation of attacked maps on ImageNet, against the radius."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

shared.define("out/figures/imagenet/PRESET", data=None, weights="Weights of SqueezeNet v1.0, .npz.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    preset = shared.preset_of(given, "imagenet")
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.curves.imagenet import imagenet_curves

    shared.compare_on_squeezenet(given, preset, imagenet_curves(), sys.argv)


if __name__ == "__main__":
    cli.run(main)
