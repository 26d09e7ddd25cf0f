"""Images before and after an attack, with their maps."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

_OBJECTIVE = flags.DEFINE_enum(
    "objective", "mass_center", ("mass_center", "top_k"), "What the attack does to the map."
)
shared.define_pictures()
shared.define("out/figures/attack_examples/PRESET", data=None, weights="Weights of the network.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    request = shared.request_of(flags.FLAGS, "examples", sys.argv)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.images.examples import attack_examples

    attack_examples(request, objective=_OBJECTIVE.value)


if __name__ == "__main__":
    cli.run(main)
