"""The CIFAR-10 network with softplus in place of ReLU, trained on from the ReLU weights.

Source: Ghorbani et al. 2019, the Hessian experiment: softplus in place of ReLU, fine-tuned, with
the accuracy of the ReLU network. Without fine-tuning every unit's output rises by up to ln 2 / β,
which adds up over layers until the network has other labels.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tf_fragile.experiments import training
from tf_fragile.experiments.fragility.curves.cifar import MODEL
from tf_fragile.experiments.frame.subject import open_subject
from tf_fragile.experiments.recipes import Recipe
from tf_fragile.experiments.training import Trained
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.manifest import versions

ACTIVATION = "softplus"


def finetuned_weights(
    relu_weights: Path,
    width: float,
    steps: int,
    out: Path,
    *,
    seed: int = 0,
    data_dir: str | None = None,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Path:
    """Weights of the softplus network, fine-tuned into `out` unless they are there already.

    Args:
      relu_weights: weights of the network with ReLUs.
      width: factor on the number of channels.
      steps: most parameter updates; training ends where the recipe's accuracy is reached.
      out: the output directory.
      seed: of order and augmentation.
      data_dir: where prepared TFDS data sets lie.
      progress: whether to draw bars.
      say: gets every line meant for people.

    Returns:
      The file of weights; its manifest lies beside it.
    """
    recipe = training.recipe_for(MODEL, steps=steps)
    origin = hashlib.sha256(relu_weights.read_bytes()).hexdigest()
    name = f"{MODEL}_{ACTIVATION}_width{width:g}_steps{steps}_seed{seed}_from{origin[:8]}"
    path = make_directory(out) / f"{name}.npz"
    if path.exists():
        say(f"weights: {path}, fine-tuned before")
        return path
    say(f"weights: fine-tuning {relu_weights} with softplus for at most {steps} steps")
    started = time.monotonic()
    subjects = {
        role: open_subject(
            MODEL,
            weights=str(relu_weights),
            data=data,
            data_dir=data_dir,
            width=width,
            activation=ACTIVATION,
        )
        for role, data in _sources(recipe).items()
    }
    data = {role: training.read_examples(s.source, progress) for role, s in subjects.items()}
    model = subjects["train"].model
    before = training.accuracy(model, data["test"])
    taken = training.fit(
        model, recipe, data["train"], data.get("validation"), seed=seed, progress=progress
    )
    after = {role: round(training.accuracy(model, data[role]), 4) for role in data}
    manifest = {
        "model": MODEL,
        "options": {"width": width, "activation": ACTIVATION},
        "from": {"weights": relu_weights.name, "sha256": origin, "test": round(before, 4)},
        "recipe": asdict(recipe),
        "seed": seed,
        "steps_taken": taken,
        "accuracy": after,
        "versions": versions(),
        "wall_seconds": round(time.monotonic() - started, 1),
    }
    say(f"test accuracy {before:.1%} before fine-tuning, {after['test']:.1%} after {taken} steps")
    return training.save(Trained(model, manifest), out, name)


def _sources(recipe: Recipe) -> dict[str, str]:
    roles = {"train": recipe.train, "validation": recipe.validation, "test": recipe.test}
    return {role: data for role, data in roles.items() if data is not None}
