"""Trains a small network of the zoo and writes its weights and manifest."""

from __future__ import annotations

from typing import Any

from absl import app, flags

from tf_fragile import cli

_MODEL = flags.DEFINE_string(
    "model", None, "Network to train, e.g. cifar10_fragility.", required=True
)
_OUT = flags.DEFINE_string("out", "out", "Directory for the weights and the manifest.")
_NAME = flags.DEFINE_string("name", None, "Name of the files; the model's name by default.")
cli.define_seed("Seed of weights, order and augmentation.")
cli.define_width(None, "Width factor, for cifar10_fragility.")
_STEPS = flags.DEFINE_integer("steps", None, "Parameter updates instead of the recipe's.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")


def main(argv: list[str]) -> None:
    """Trains and saves."""
    if len(argv) > 1:
        raise app.UsageError(f"The argument {argv[1]!r} is not understood; use flags only.")
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments import training
    from tf_fragile.runs import atomic

    recipe = training.recipe_for(_MODEL.value, steps=_STEPS.value)
    atomic.make_directory(_OUT.value)
    options: dict[str, Any] = {} if flags.FLAGS.width is None else {"width": flags.FLAGS.width}
    trained = training.train(recipe, seed=flags.FLAGS.seed, data_dir=_DATA_DIR.value, **options)
    path = training.save(trained, _OUT.value, _NAME.value or recipe.model)
    shown = ", ".join(f"{role} {value:.1%}" for role, value in trained.manifest["accuracy"].items())
    print(f"{path}: accuracy {shown}")


if __name__ == "__main__":
    cli.run(main, interrupted="interrupted; nothing was written, training starts anew next time")
