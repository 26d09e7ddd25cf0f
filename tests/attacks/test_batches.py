"""What a batch costs: its own rows from Python, whole chunks where a run is cut."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.attacks.loop import Loop

layers = keras.layers
RANGE = (0.0, 1.0)


@pytest.fixture(scope="module")
def explainer():
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 6, 2))
    h = layers.Conv2D(5, 3, activation="relu")(x)
    return tff.explain("gradient", keras.Model(x, layers.Dense(3)(layers.Flatten()(h))))


@pytest.fixture(scope="module")
def attacks():
    """By whether their chunks are fixed."""
    return {
        fixed: tff.attack("top_k", k=9, optimizer="random_sign", rows=4, fixed_chunks=fixed)
        for fixed in (False, True)
    }


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.2, 0.8, (count, 6, 6, 2)).astype("float32")


@pytest.fixture
def computed(monkeypatch) -> list[int]:
    """Rows of every chunk that the loop is run on."""
    seen: list[int] = []
    run = Loop.run

    def counted(self, problem, state, first, count):
        seen.append(int(problem.start.shape[0]))
        return run(self, problem, state, first, count)

    monkeypatch.setattr(Loop, "run", counted)
    return seen


@pytest.mark.parametrize(
    ("images", "radii", "fixed", "expected"),
    [
        (1, 1, False, [1]),
        (2, 1, False, [2]),
        (4, 1, False, [4]),
        (3, 2, False, [4, 2]),
        (2, 1, True, [4]),
        (3, 2, True, [4, 4]),
    ],
)
def test_rows_computed_are_those_asked_for_unless_chunks_are_fixed(
    images, radii, fixed, expected, explainer, attacks, computed
) -> None:
    told: list[int] = []
    levels = [0.01 * (i + 1) for i in range(radii)]
    attacks[fixed](explainer, pictures(images), epsilon=levels, bounds=RANGE, progress=told.append)
    assert computed == expected
    assert sum(told) == images * radii


def test_all_batch_sizes_run_the_same_code_and_agree_to_rounding(explainer) -> None:
    free = tff.attack("top_k", k=9, optimizer="annealed_momentum", steps=4, rows=4)
    x, seeds = pictures(5), np.arange(5)
    whole = free(explainer, x, epsilon=0.05, bounds=RANGE, seed=seeds)
    alone = free(explainer, x[1:3], epsilon=0.05, bounds=RANGE, seed=seeds[1:3])
    assert free.loop(explainer, 9).compiled.experimental_get_tracing_count() == 1
    size = whole.map_before.max()
    np.testing.assert_allclose(alone.map_before, whole.map_before[1:3], atol=1e-5 * size)
    np.testing.assert_allclose(alone.map_after, whole.map_after[:, 1:3], atol=1e-5 * size)
    fixed = tff.attack(
        "top_k", k=9, optimizer="annealed_momentum", steps=4, rows=4, fixed_chunks=True
    )(explainer, x, epsilon=0.05, bounds=RANGE, seed=seeds)
    np.testing.assert_allclose(fixed.map_after, whole.map_after, atol=1e-5 * size)


def test_an_empty_batch_is_refused(explainer) -> None:
    attack = tff.attack("top_k", k=9, optimizer="random_sign")
    with pytest.raises(tff.errors.InputError, match="The batch to attack is empty; give at least"):
        attack(explainer, pictures(0), epsilon=0.1, bounds=RANGE)


def test_a_fixed_batch_is_met_by_chunks_of_it(explainer, attacks, computed, told) -> None:
    """Every part of the network that is asked for anything gets two rows at a time."""
    network, seen = explainer.network, []

    def watched(of):
        def call(x):
            seen.append(int(x.shape[0]))
            return of(x)

        return call

    two = told(
        network, fixed_batch=2, predict=watched(network.predict), outputs=watched(network.outputs)
    )
    given = pictures(3)
    r = attacks[False](explainer.on(two), given, epsilon=0.05, bounds=RANGE)
    assert computed == [2, 2]
    assert set(seen) == {2}
    expected = attacks[False](explainer, given, epsilon=0.05, bounds=RANGE)
    np.testing.assert_allclose(r.perturbed, expected.perturbed, atol=1e-6)
    np.testing.assert_allclose(r.map_after, expected.map_after, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["annealed_momentum", "sign"])
def test_the_same_images_come_out_of_any_batch_of_a_larger_convnet(optimizer: str) -> None:
    """SqueezeNet rounds by the size of the batch: a sign in a million flips without full chunks."""
    keras.utils.set_random_seed(0)
    x = keras.Input((48, 48, 3))
    h = keras.layers.Conv2D(32, 5, strides=2, activation="relu")(x)
    h = keras.layers.Conv2D(64, 3, activation="relu")(h)
    h = keras.layers.Conv2D(64, 1, activation="relu")(keras.layers.MaxPooling2D(3, 2)(h))
    model = keras.Model(x, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(h)))
    images = np.random.default_rng(0).uniform(0, 255, (5, 48, 48, 3)).astype("float32")
    explainer = tff.explain("gradient", model)
    attack = tff.attack("top_k", k=200, optimizer=optimizer, steps=5, rows=4, fixed_chunks=True)

    def run(part: slice) -> np.ndarray:
        seeds = list(range(5))[part]
        result = attack(explainer, images[part], epsilon=4, bounds=(0, 255), seed=seeds)
        return result.perturbed[0]

    whole = run(slice(0, 5))
    parts = np.concatenate([run(slice(0, 1)), run(slice(1, 3)), run(slice(3, 5))])
    np.testing.assert_array_equal(parts, whole)
