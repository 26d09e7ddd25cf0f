"""How far one softplus unit's map can be changed, against the dimension of its input."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared
from tf_fragile.experiments.fragility.geometry import flags as geometry_flags

FIGURE = "demo_dimension"
geometry_flags.define(FIGURE, seed="Of the weights and the random signs.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    settings = geometry_flags.settings(given, FIGURE)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.geometry.demo_dimension import demo_dimension
    from tf_fragile.experiments.fragility.geometry.output import Request

    request = Request(shared.output(given), given.seed, shared.command(sys.argv))
    demo_dimension(settings, request)


if __name__ == "__main__":
    cli.run(main)
