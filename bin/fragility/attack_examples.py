"""Images before and after an attack, with their maps."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

_MODEL = flags.DEFINE_string("model", "squeezenet_v1.0", "A network of the zoo.")
_OBJECTIVE = flags.DEFINE_enum(
    "objective", "mass_center", ("mass_center", "top_k"), "What the attack does to the map."
)
_SAMPLES = flags.DEFINE_list(
    "samples", None, "Positions of the images; confidently right ones drawn by --seed if none."
)
shared.define("out/figures/attack_examples/PRESET", data=None, weights="Weights of the network.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    preset = shared.preset_of(given, "examples")
    samples = shared.numbers("samples", _SAMPLES.value, int)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.examples import attack_examples
    from tf_fragile.experiments.fragility.subject import open_subject

    subject = open_subject(
        _MODEL.value, weights=given.weights, data=given.data, data_dir=given.data_dir
    )
    attack_examples(
        subject,
        preset,
        shared.output(given),
        objective=_OBJECTIVE.value,
        samples=samples,
        seed=given.seed,
        command=shared.command(sys.argv),
    )


if __name__ == "__main__":
    cli.run(main)
