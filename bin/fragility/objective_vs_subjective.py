"""The same image under several attacks, with every metric beside the map it is about."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

_MODEL = flags.DEFINE_string("model", "squeezenet_v1.0", "A network of the zoo.")
_SAMPLES = flags.DEFINE_list(
    "samples", None, "Positions of the images; confidently right ones drawn by --seed if none."
)
shared.define(
    "out/figures/objective_vs_subjective/PRESET", data=None, weights="Weights of the network."
)


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    preset = shared.preset_of(given, "objectives")
    samples = shared.numbers("samples", _SAMPLES.value, int)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.subject import open_subject
    from tf_fragile.experiments.fragility.subjective import objective_vs_subjective

    subject = open_subject(
        _MODEL.value, weights=given.weights, data=given.data, data_dir=given.data_dir
    )
    objective_vs_subjective(
        subject,
        preset,
        shared.output(given),
        samples=samples,
        seed=given.seed,
        command=shared.command(sys.argv),
    )


if __name__ == "__main__":
    cli.run(main)
