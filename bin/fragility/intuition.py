"""A network of two inputs whose gradient turns within a small box around a point."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared
from tf_fragile.experiments.fragility.geometry import flags as geometry_flags

FIGURE = "intuition"
geometry_flags.define(FIGURE, seed="Of the data and the training.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    settings = geometry_flags.settings(given, FIGURE)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.geometry.intuition import intuition
    from tf_fragile.experiments.fragility.geometry.output import Request

    request = Request(shared.output(given), given.seed, shared.command(sys.argv))
    intuition(settings, request)


if __name__ == "__main__":
    cli.run(main)
