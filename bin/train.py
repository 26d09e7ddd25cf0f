"""Trains a small network of the zoo and writes its weights and manifest.

What was trained before by the same recipe, on the same data and versions, is taken from the cache.
"""

from __future__ import annotations

import json
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
cli.define_cache()
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")


def main(argv: list[str]) -> None:
    """Trains and saves."""
    if len(argv) > 1:
        raise app.UsageError(f"The argument {argv[1]!r} is not understood; use flags only.")
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments import trained, training
    from tf_fragile.runs import atomic
    from tf_fragile.runs.artefacts import Store, planned
    from tf_fragile.runs.cache import cache_directory

    recipe = training.recipe_for(_MODEL.value, steps=_STEPS.value)
    out, name = atomic.make_directory(_OUT.value), _NAME.value or recipe.model
    store = Store(cache_directory(flags.FLAGS.cache, otherwise=out / "cache"))
    options: dict[str, Any] = {} if flags.FLAGS.width is None else {"width": flags.FLAGS.width}
    net = trained.trained_net(recipe, seed=flags.FLAGS.seed, data_dir=_DATA_DIR.value, **options)
    for line in planned(store, [net]).lines:
        print(line)
    store.build([net])
    made = store.path(net.key)
    for own, file in (
        (f"{name}.npz", trained.WEIGHTS),
        (f"{name}.manifest.json", trained.MANIFEST),
    ):
        atomic.write_bytes(out / own, (made / file).read_bytes())
    accuracy = json.loads((made / trained.MANIFEST).read_text("utf-8"))["accuracy"]
    shown = ", ".join(f"{role} {value:.1%}" for role, value in accuracy.items())
    print(f"{out / f'{name}.npz'}: accuracy {shown}")


if __name__ == "__main__":
    cli.run(main, interrupted="interrupted; nothing was written, training starts anew next time")
