"""How much of each explainer's map one attack leaves at one radius, all explainers together."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared
from tf_fragile.experiments.fragility.presets import PRESET_NAMES

flags.DEFINE_enum("preset", "cpu", PRESET_NAMES, "How much work; single flags override it.")
flags.DEFINE_string("model", "squeezenet_v1.0", "A network of the zoo.")
kinds = "folder:DIR, npz:FILE, tfds:NAME/SPLIT or embedded."
flags.DEFINE_string("data", None, kinds, required=True)
flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
flags.DEFINE_string("weights", None, "Weights of the network.")
flags.DEFINE_string("out", "out/figures/explainer_ranking/PRESET", "Output directory.")
flags.DEFINE_integer("seed", 0, "Of the choice of images and of everything random.")
flags.DEFINE_list("methods", None, "Registered explainers; all of them if none.")
flags.DEFINE_integer("num_images", None, "Correctly classified images.")
flags.DEFINE_integer("steps", None, "Steps of the attack.")
flags.DEFINE_float("epsilon", None, "Radius in grey levels.")
flags.DEFINE_integer("k", None, "Of the attack and of the overlap.")
flags.DEFINE_integer("points", None, "Path points of integrated gradients.")
flags.DEFINE_integer("samples", None, "Noise draws of the SmoothGrad family.")
flags.DEFINE_integer("pattern_images", None, "Images from which patterns are estimated.")
flags.DEFINE_integer("shard_size", None, "Images written together.")
flags.DEFINE_integer("rows", None, "Images in memory at once.")

_SETTINGS = (
    "num_images", "steps", "epsilon", "k", "points", "samples", "pattern_images", "shard_size",
    "rows",
)  # fmt: skip


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.ranking.figure import explainer_ranking
    from tf_fragile.experiments.fragility.ranking.presets import ranking
    from tf_fragile.experiments.fragility.subject import open_subject

    chosen = ranking(
        given.preset,
        methods=tuple(given.methods or ()) or None,
        **{name: given[name].value for name in _SETTINGS},
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
