"""The same image under several attacks, with every metric beside the map it is about."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

shared.define_pictures()
shared.define(
    "out/figures/objective_vs_subjective/PRESET", data=None, weights="Weights of the network."
)


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    request = shared.request_of(flags.FLAGS, "objectives", sys.argv)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.images.subjective import objective_vs_subjective

    objective_vs_subjective(request)


if __name__ == "__main__":
    cli.run(main)
