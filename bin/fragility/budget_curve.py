"""Damage against evaluations for every optimiser, on the same images and at the same radius."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

_SUBJECTS = {"imagenet": "squeezenet_v1.0", "cifar": "cifar10_fragility"}

flags.DEFINE_enum("contest", "imagenet", tuple(_SUBJECTS), "Which network and images.")
flags.DEFINE_enum("preset", "cpu", ("quick", "cpu", "paper"), "How much work.")
flags.DEFINE_string("data", None, "folder:DIR, npz:FILE or tfds:NAME/SPLIT.", required=True)
flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
flags.DEFINE_string("weights", None, "Weights of the network, .npz.", required=True)
cli.define_width(None, "Of the CIFAR-10 network, as it was trained.")
flags.DEFINE_string("out", "out/figures/budget/CONTEST/PRESET", "Output directory.")
cli.define_seed("Of the choice of images and of everything random.")
flags.DEFINE_list("methods", [], "Methods; all of the contest's where empty.")
flags.DEFINE_integer("num_images", None, "Correctly classified images, for all methods.")
flags.DEFINE_integer("sign_steps", None, "Steps of the sign attack, for all methods.")
flags.DEFINE_string("sign_surrogate", None, "Surrogate of the sign attack, for all methods.")
flags.DEFINE_float("epsilon", None, "Radius in grey levels.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.contests.figure import budget_curve
    from tf_fragile.experiments.fragility.contests.presets import contest
    from tf_fragile.experiments.fragility.subject import open_subject

    made = contest(
        given.contest, given.preset, tuple(given.methods), given.num_images, given.sign_steps,
        given.epsilon, given.sign_surrogate,
    )  # fmt: skip
    options = {} if given.width is None else {"width": given.width}
    subject = open_subject(
        _SUBJECTS[given.contest], weights=given.weights, data=given.data, data_dir=given.data_dir,
        **options,
    )  # fmt: skip
    for method in made.entries:
        print(
            f"{method}: {made.entries[method].num_images} images, about "
            f"{made.forwards(method, subject):,.0f} forward passes"
        )
    out = shared.output_of(given.out, CONTEST=given.contest, PRESET=given.preset)
    budget_curve(made, subject, out, seed=given.seed, command=shared.command(sys.argv))
    print((out / "budget_curve.md").read_text())


if __name__ == "__main__":
    cli.run(main)
