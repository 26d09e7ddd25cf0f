"""Bounds on how fast the gradient can change beside the fastest change found."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared
from tf_fragile.experiments.fragility.geometry import flags as geometry_flags

FIGURE = "demo_lipschitz"
geometry_flags.define(FIGURE, seed="Of the networks and the searches.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    settings = geometry_flags.settings(given, FIGURE)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.geometry.demo_lipschitz import demo_lipschitz
    from tf_fragile.experiments.fragility.geometry.output import Request

    request = Request(shared.output(given), given.seed, shared.command(sys.argv))
    demo_lipschitz(settings, request)


if __name__ == "__main__":
    cli.run(main)
