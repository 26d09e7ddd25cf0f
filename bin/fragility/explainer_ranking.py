"""How much of each explainer's map one attack leaves at one radius, all explainers together."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared
from tf_fragile.experiments.fragility.presets import PRESET_NAMES
from tf_fragile.experiments.fragility.ranking.presets import Ranking, ranking

flags.DEFINE_enum("preset", "cpu", PRESET_NAMES, "How much work; single flags override it.")
flags.DEFINE_string("model", "squeezenet_v1.0", "A network of the zoo.")
kinds = "folder:DIR, npz:FILE, tfds:NAME/SPLIT or embedded."
flags.DEFINE_string("data", None, kinds, required=True)
flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
flags.DEFINE_string("weights", None, "Weights of the network.")
flags.DEFINE_string("out", "out/figures/explainer_ranking/PRESET", "Output directory.")
cli.define_seed("Of the choice of images and of everything random.")
cli.define_settings(Ranking, defaults=False)


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.ranking.figure import explainer_ranking
    from tf_fragile.experiments.fragility.subject import open_subject

    chosen = ranking(
        given.preset,
        **cli.given_settings(Ranking),
    )
    subject = open_subject(
        given.model, weights=given.weights, data=given.data, data_dir=given.data_dir
    )
    explainer_ranking(
        chosen,
        subject,
        shared.output(given),
        seed=given.seed,
        command=shared.command(sys.argv),
    )


if __name__ == "__main__":
    cli.run(main)
