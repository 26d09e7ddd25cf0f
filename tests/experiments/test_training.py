from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.experiments.recipes import RECIPES, Recipe
from tf_fragile.experiments.training import (
    Examples,
    Trained,
    accuracy,
    fit,
    recipe_for,
    save,
    train,
)
from tf_fragile.models import zoo

TINY = Recipe(
    model="tiny",
    train="none",
    test="none",
    steps=60,
    batch_size=8,
    learning_rate=0.05,
    check_every=5,
    source="own",
)


def blobs(count: int = 64) -> Examples:
    """Two classes told apart by brightness."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = rng.normal(labels[:, None, None, None] * 4 - 2, 1, (count, 4, 4, 1))
    return Examples(images.astype(np.float32), labels)


def tiny() -> keras.Model:
    keras.utils.set_random_seed(1)
    x = keras.Input((4, 4, 1))
    y = keras.layers.Dense(4, activation="relu", name="hidden")(keras.layers.Flatten()(x))
    return keras.Model(x, keras.layers.Dense(2, name="logits")(y))


def trained(recipe: Recipe, seed: int = 0) -> keras.Model:
    model = tiny()
    fit(model, recipe, blobs(), seed=seed, progress=False)
    return model


def test_training_learns() -> None:
    assert accuracy(tiny(), blobs()) < 0.9
    assert accuracy(trained(TINY), blobs()) > 0.95


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again, other = (trained(TINY, seed).get_weights() for seed in (0, 0, 1))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_training_ends_where_validation_accuracy_is_reached() -> None:
    recipe = replace(TINY, steps=500, stop_at=0.9)
    model = tiny()
    steps = fit(model, recipe, blobs(), blobs(), progress=False)
    assert steps < 500 and steps % 5 == 0
    assert accuracy(model, blobs()) >= 0.9


def test_penalty_shrinks_the_named_kernels_only() -> None:
    plain, penalised = (trained(replace(TINY, l2=l2, l2_layers=("hidden",))) for l2 in (0.0, 1.0))

    def size(model: keras.Model) -> float:
        return float(np.abs(model.get_layer("hidden").kernel).sum())

    assert size(penalised) < 0.5 * size(plain)


def test_cosine_halves_the_learning_rate_half_way() -> None:
    def kernel(steps: int, cosine: bool) -> np.ndarray:
        return trained(replace(TINY, steps=steps, cosine=cosine)).get_weights()[0]

    start = kernel(1, cosine=True)
    np.testing.assert_array_equal(start, kernel(1, cosine=False))
    np.testing.assert_allclose(
        kernel(2, cosine=True) - start, (kernel(2, cosine=False) - start) / 2, rtol=1e-3, atol=1e-6
    )


def test_each_pass_takes_every_image_once_in_a_fresh_order() -> None:
    seen: list[int] = []

    class Watched:
        """Images that note which of them are taken."""

        def __getitem__(self, chosen: np.ndarray) -> np.ndarray:
            seen.extend(chosen.tolist())
            return blobs(16).images[chosen]

    examples = Examples(Watched(), blobs(16).labels)  # type: ignore[arg-type]
    fit(tiny(), replace(TINY, steps=4), examples, progress=False)
    assert sorted(seen[:16]) == sorted(seen[16:]) == list(range(16))
    assert seen[:16] != seen[16:]


def test_weights_and_manifest_are_written_beside_each_other(tmp_path: Path) -> None:
    model = tiny()
    path = save(Trained(model, {"seed": 3}), tmp_path, "net")
    other = tiny()
    other.get_layer("logits").bias.assign([5, 5])
    zoo.load_weights_npz(other, path)
    np.testing.assert_array_equal(other.get_weights()[-1], model.get_weights()[-1])
    assert json.loads((tmp_path / "net.manifest.json").read_text("utf-8")) == {"seed": 3}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_a_network_that_exists(name: str) -> None:
    recipe = RECIPES[name]
    model = zoo.load(recipe.model, weights="random")
    layers = {layer.name for layer in model.layers}
    assert recipe.model == name and set(recipe.l2_layers) <= layers


def test_a_network_is_trained_from_its_sources(shared_data: Path) -> None:
    recipe = replace(
        recipe_for("mnist_cnn", steps=20, batch_size=32, learning_rate=1e-3),
        train="tfds:mnist/train[:640]",
        test="tfds:mnist/test[:100]",
    )
    found = train(recipe, data_dir=str(shared_data / "tfds"), progress=False)
    assert found.manifest["accuracy"]["test"] > 0.6
    assert found.manifest["images"] == {"train": 640, "test": 100}
    assert set(found.manifest["data"]) == {"train", "test"}
    assert found.manifest["recipe"]["steps"] == found.manifest["steps_taken"] == 20
    json.dumps(found.manifest)


@pytest.mark.parametrize("override", [{"steps": 0}, {"batch_size": 0}, {"learning_rate": 0.0}])
def test_impossible_settings_are_refused(override: dict) -> None:
    with pytest.raises(InputError, match="of the recipe is 0"):
        recipe_for("embedded", **override)


def test_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean mnist_cnn"):
        recipe_for("mnist_cn")
