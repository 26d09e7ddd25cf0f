"""The curves on CIFAR-10, trained on the spot where no weights are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tf_fragile.experiments import training
from tf_fragile.experiments.fragility.curves.comparison import Comparison, compare
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import open_subject
from tf_fragile.runs.atomic import make_directory

MODEL = "cifar10_fragility"


def prepare(asked: Asked, place: Place) -> Job:
    """The curves that the flags ask for; trains the network where no weights are given."""
    given = asked.given
    weights = given.weights or weights_for(
        given.width,
        place.out,
        seed=place.seed,
        train_steps=asked.more.train_steps,
        data_dir=given.data_dir,
        progress=place.progress,
        say=place.say,
    )
    subject = open_subject(
        MODEL, weights=str(weights), data=given.data, data_dir=given.data_dir, width=given.width
    )
    return compare(cifar_curves(), subject, asked.settings, place)


def cifar_curves() -> Comparison:
    """All three metrics against the radius; the paper's values are not readable."""
    return Comparison(
        "cifar_curves",
        "CIFAR-10: attacks on the map, label kept",
        ("top_k_intersection", "spearman", "center_shift"),
    )


def weights_for(
    width: float,
    out: Path,
    *,
    seed: int = 0,
    train_steps: int | None = None,
    data_dir: str | None = None,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Path:
    """Weights of the CIFAR-10 network, trained into `out` unless they are there already.

    Args:
      width: factor on the number of channels.
      out: the output directory.
      seed: of the training.
      train_steps: parameter updates instead of the recipe's.
      data_dir: where prepared TFDS data sets lie.
      progress: whether to draw bars.
      say: gets every line meant for people.

    Returns:
      The file of weights; its manifest lies beside it.
    """
    recipe = training.recipe_for(MODEL, steps=train_steps)
    name = f"{MODEL}_width{width:g}_steps{recipe.steps}_seed{seed}"
    path = make_directory(out) / f"{name}.npz"
    if path.exists():
        say(f"weights: {path}, trained before")
        return path
    say(f"weights: training {MODEL} at width {width:g} for at most {recipe.steps} steps")
    trained = training.train(recipe, seed=seed, data_dir=data_dir, progress=progress, width=width)
    say(f"test accuracy {trained.manifest['accuracy']['test']:.1%}")
    return training.save(trained, out, name)
