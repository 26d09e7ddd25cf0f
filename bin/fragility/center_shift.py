"""Centre shift of attacked maps on ImageNet, from the runs of imagenet_curves.py."""

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
    from tf_fragile.experiments.fragility.curves.imagenet import center_shift

    shared.compare_on_squeezenet(given, preset, center_shift(), sys.argv)


if __name__ == "__main__":
    cli.run(main)
