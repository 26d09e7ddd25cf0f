"""Small networks of the zoo, trained from their recipes, as artefacts that runs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tf_fragile.data.source import Source
from tf_fragile.experiments import training
from tf_fragile.experiments.recipes import Recipe
from tf_fragile.models import zoo
from tf_fragile.models.device import device
from tf_fragile.runs.artefacts import key_of
from tf_fragile.runs.manifest import versions
from tf_fragile.runs.tasks import Progress, Work

WEIGHTS, MANIFEST = "net.npz", "net.manifest.json"
"""The files of the artefact; `zoo.load(name, weights=...)` takes the first."""
_FORWARDS = 3.0  # of an image in an update: the pass, and about twice that for the gradients


@dataclass(frozen=True, eq=False)
class TrainedNet:
    """A network trained by a recipe, as an `Artefact`.

    Attributes:
      recipe: how.
      sources: its data, as `training.sources_of` opens them.
      seed: of weights, order and augmentation.
      options: settings of the network, e.g. `width`.
    """

    recipe: Recipe
    sources: Mapping[str, Source] = field(repr=False)
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The network, its options and for how long it is trained at most."""
        told = "".join(f", {name} {value}" for name, value in self.options.items())
        return f"{self.recipe.model}{told}, trained for at most {self.recipe.steps:,} updates"

    @cached_property
    def key(self) -> str:
        """By recipe, seed, options, data, versions and device."""
        made_of = {
            "recipe": asdict(self.recipe),
            "seed": self.seed,
            "options": dict(self.options),
            "data": {role: source.fingerprint() for role, source in self.sources.items()},
            "versions": versions(),
            "device": device(),
        }
        return key_of("net", made_of)

    @property
    def work(self) -> Work:
        """If training does not end early; a tick an update."""
        images = self.recipe.steps * self.recipe.batch_size
        return Work(_FORWARDS * images, self.recipe.steps, builds=1)

    @cached_property
    def size(self) -> int:
        """That of the weights."""
        model = zoo.load(self.recipe.model, weights="random", **self.options)
        return 4 * int(model.count_params())

    def build(self, directory: Path, progress: Progress | None = None) -> None:
        """Trains it and writes `net.npz` and `net.manifest.json`."""
        trained = training.train_on(
            self.recipe,
            self.sources,
            seed=self.seed,
            progress=False,
            done=progress,
            **self.options,
        )
        training.save(trained, directory, WEIGHTS.removesuffix(".npz"))


def trained_net(
    recipe: Recipe, *, seed: int = 0, data_dir: str | None = None, **options: Any
) -> TrainedNet:
    """The artefact of a recipe; opens its data.

    Args:
      recipe: how.
      seed: of weights, order and augmentation.
      data_dir: where prepared TFDS data sets lie.
      **options: settings of the network.

    Raises:
      InputError: a source or an option can't be used.
    """
    zoo.load(recipe.model, weights="random", **options)  # or options were refused after the work
    return TrainedNet(recipe, training.sources_of(recipe, data_dir), seed, options)
