"""Images and their deep Taylor maps before and after attacks."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

_MODEL = flags.DEFINE_string("model", "squeezenet_v1.0", "A network of the zoo.")
shared.define("out/figures/dtd_examples/PRESET", data=None, weights="Weights of the network.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    preset = shared.preset_of(given, "dtd_examples")
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.images.dtd import dtd_examples
    from tf_fragile.experiments.fragility.images.request import Request
    from tf_fragile.experiments.fragility.subject import open_subject

    subject = open_subject(
        _MODEL.value, weights=given.weights, data=given.data, data_dir=given.data_dir
    )
    command = shared.command(sys.argv)
    dtd_examples(Request(subject, preset, shared.output(given), seed=given.seed, command=command))


if __name__ == "__main__":
    cli.run(main)
