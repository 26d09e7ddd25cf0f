"""Training the small networks of the zoo from their recipes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Source
from tf_fragile.data.sources import open_source
from tf_fragile.errors import InputError
from tf_fragile.experiments.augmentation import mirrored, shifted
from tf_fragile.experiments.recipes import RECIPES, Recipe
from tf_fragile.models import zoo
from tf_fragile.runs import atomic
from tf_fragile.runs.manifest import versions
from tf_fragile.runs.tasks import Progress

_EVALUATION_BATCH = 500


@dataclass(frozen=True, eq=False)
class Examples:
    """Images in model units `[N, H, W, C]` float32, and their labels `[N]` int64."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with what is to be said about it; the manifest is plain JSON data."""

    model: keras.Model
    manifest: dict[str, Any]


def recipe_for(name: str, **overrides: Any) -> Recipe:
    """The recipe of a network, with those settings replaced that are not `None`.

    Raises:
      InputError: if there is no such recipe or a number makes no sense.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    return replace(RECIPES[name], **given)


def train(
    recipe: Recipe,
    *,
    seed: int = 0,
    data_dir: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Trained:
    """Trains a network; the same arguments on the same device give the same weights.

    Args:
      recipe: how.
      seed: of the initial weights, the order of the images and the augmentation.
      data_dir: where prepared data sets lie.
      progress: whether to show progress bars.
      **options: settings of the network, e.g. `width`.

    Returns:
      The network and its manifest.

    Raises:
      InputError: if a source or an option can't be used.
    """
    sources = sources_of(recipe, data_dir)
    return train_on(recipe, sources, seed=seed, progress=progress, **options)


def train_on(
    recipe: Recipe,
    sources: Mapping[str, Source],
    *,
    seed: int = 0,
    progress: bool = True,
    done: Progress | None = None,
    **options: Any,
) -> Trained:
    """Trains a network on sources that are open, see `train`.

    Args:
      recipe: how.
      sources: as `sources_of` opens them.
      seed: of the initial weights, the order of the images and the augmentation.
      progress: whether to show progress bars.
      done: told the updates made.
      **options: settings of the network.
    """
    data = {role: read_examples(source, progress) for role, source in sources.items()}
    keras.utils.set_random_seed(seed)
    model = zoo.load(recipe.model, weights="random", **options)
    steps = fit(
        model,
        recipe,
        data["train"],
        data.get("validation"),
        seed=seed,
        progress=progress,
        done=done,
    )
    manifest = {
        "model": recipe.model,
        "options": options,
        "recipe": asdict(recipe),
        "seed": seed,
        "parameters": model.count_params(),
        "steps_taken": steps,
        "accuracy": {role: round(accuracy(model, data[role]), 4) for role in data},
        "images": {role: len(source) for role, source in sources.items()},
        "data": {role: source.digest() for role, source in sources.items()},
        "versions": versions(),
        "device": _device(),
    }
    return Trained(model, manifest)


def sources_of(recipe: Recipe, data_dir: str | None = None) -> dict[str, Source]:
    """The data of a recipe by their role, `train`, `validation` and `test`.

    Raises:
      InputError: a source can't be opened, or the network takes images of any size.
    """
    entry = zoo.entry(recipe.model)
    if entry.input_shape is None or entry.preprocessing is None:
        raise InputError(f"The network {recipe.model!r} has no fixed input and can't be trained.")
    specs = {"train": recipe.train, "validation": recipe.validation, "test": recipe.test}
    return {
        role: open_source(
            spec,
            preprocessing=PREPROCESSINGS[entry.preprocessing],
            image_shape=entry.input_shape,
            reading=Reading.evaluated(entry.short_side),
            data_dir=data_dir,
        )
        for role, spec in specs.items()
        if spec is not None
    }


def fit(
    model: keras.Model,
    recipe: Recipe,
    train: Examples,
    validation: Examples | None = None,
    *,
    seed: int = 0,
    progress: bool = True,
    done: Progress | None = None,
) -> int:
    """Runs the updates of a recipe on a model, in place.

    Args:
      model: maps images to logits.
      recipe: how.
      train: what to learn from; passed through in a fresh order each time.
      validation: what `recipe.stop_at` looks at.
      seed: of the order of the images and the augmentation.
      progress: whether to show a progress bar.
      done: told the updates made.

    Returns:
      How many updates were made.
    """
    update = _update(model, recipe)
    bar = tqdm(total=recipe.steps, desc=f"training {recipe.model}", disable=not progress)
    size = min(recipe.batch_size, len(train.labels))
    per_epoch = len(train.labels) // size
    with bar:
        for step in range(recipe.steps):
            epoch, place = divmod(step, per_epoch)
            if place == 0:
                order = np.random.default_rng([seed, epoch]).permutation(len(train.labels))
            chosen = order[place * size : (place + 1) * size]
            images = _augmented(train.images[chosen], recipe, [seed, epoch, place])
            loss = update(tf.constant(images), tf.constant(train.labels[chosen]))
            bar.update()
            if done is not None:
                done(1)
            if (step + 1) % recipe.check_every == 0:
                notes = {"loss": f"{float(loss):.3f}"}
                if validation is not None:
                    reached = accuracy(model, validation)
                    notes["validation"] = f"{reached:.3f}"
                    if recipe.stop_at is not None and reached >= recipe.stop_at:
                        return step + 1
                bar.set_postfix(notes)
    return recipe.steps


def accuracy(model: keras.Model, examples: Examples) -> float:
    """The fraction of examples whose largest logit is the label's."""
    right = 0
    for start in range(0, len(examples.labels), _EVALUATION_BATCH):
        part = slice(start, start + _EVALUATION_BATCH)
        logits = model.predict_on_batch(examples.images[part])
        right += int((np.argmax(logits, axis=-1) == examples.labels[part]).sum())
    return right / len(examples.labels)


def read_examples(source: Source, progress: bool = True) -> Examples:
    """Reads a whole source into memory."""
    positions = np.arange(len(source))
    parts = np.array_split(positions, -(-len(positions) // _EVALUATION_BATCH))
    bar = tqdm(parts, desc=f"reading {source.name}", disable=not progress)
    batches = [source.load(part) for part in bar]
    return Examples(
        np.concatenate([batch.image for batch in batches]),
        np.concatenate([batch.label for batch in batches]),
    )


def save(trained: Trained, directory: str | os.PathLike[str], name: str) -> Path:
    """Writes `<name>.npz` and `<name>.manifest.json`, each whole or not at all.

    Returns:
      The path of the weights.
    """
    weights = Path(directory) / f"{name}.npz"
    zoo.save_weights_npz(trained.model, weights)
    manifest = json.dumps(trained.manifest, indent=2) + "\n"
    atomic.write_text(Path(directory) / f"{name}.manifest.json", manifest)
    return weights


def _device() -> str:
    return "GPU" if tf.config.list_physical_devices("GPU") else "CPU"


def _update(model: keras.Model, recipe: Recipe) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    rate: Any = recipe.learning_rate
    if recipe.cosine:
        rate = keras.optimizers.schedules.CosineDecay(rate, recipe.steps)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    penalised = [model.get_layer(name).kernel for name in recipe.l2_layers]

    def update(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = cross_entropy(labels, model(images, training=True))
            for kernel in penalised:
                loss += recipe.l2 * tf.nn.l2_loss(tf.convert_to_tensor(kernel))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    compiled: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = tf.function(update)
    return compiled


def _augmented(
    images: npt.NDArray[np.float32], recipe: Recipe, seed: list[int]
) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    if recipe.flip:
        images = mirrored(images, rng)
    if recipe.shift:
        images = shifted(images, recipe.shift, rng)
    return images
