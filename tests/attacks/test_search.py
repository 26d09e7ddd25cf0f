"""What an attack does around its optimiser: rounding, restarts, points, noise, memory."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.loop import Loop
from tf_fragile.attacks.measure import _FRESH
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.noise import folded, sample_seeds
from tf_fragile.metrics.readouts import read_out
from tf_fragile.metrics.similarity import top_k_intersection

RANGE = (0.0, 255.0)


# Compiled once for all tests: an attack keeps the loop of an explainer that it has attacked.
@cache
def annealed(**settings) -> Attack:
    return tff.attack("top_k", **{"k": 20, "optimizer": "annealed_momentum", "steps": 5} | settings)


@pytest.fixture(scope="module")
def net(make_net) -> keras.Model:
    return make_net()


@pytest.fixture(scope="module")
def explainer(net) -> Explainer:
    return tff.explain("gradient", net)


def test_rounded_iterates_are_what_is_kept_scored_and_returned(explainer, images) -> None:
    x = np.round(images)
    r = annealed(grid=1.0)(explainer, x, epsilon=[2, 4], bounds=RANGE)
    np.testing.assert_allclose(r.perturbed, np.round(r.perturbed), atol=1e-4)
    assert (np.nan_to_num(r.metrics["linf"]) <= np.array([[2], [4]]) + 1e-4).all()
    best = -r.history[..., -1]
    np.testing.assert_allclose(best[r.success], r.metrics["top_k_intersection"][r.success])
    free = annealed()(explainer, x, epsilon=[2, 4], bounds=RANGE)
    assert np.abs(free.perturbed - np.round(free.perturbed)).max() > 0.01


def test_a_ball_that_holds_only_the_clean_image_leaves_its_map_alone(explainer, images) -> None:
    x = np.round(images)
    r = annealed(grid=1.0)(explainer, x, epsilon=0.4, bounds=RANGE)
    np.testing.assert_array_equal(r.perturbed[0], x)
    assert r.success.all()
    for metric, value in (("top_k_intersection", 1), ("spearman", 1), ("center_shift", 0)):
        np.testing.assert_allclose(r.metrics[metric], value, atol=1e-5)


@pytest.mark.parametrize(
    ("norm", "radius", "reach"), [("linf", 1.6, 1.0), ("linf", 3.0, 3.0), ("l2", 15.3, 15.3)]
)
def test_a_grid_is_kept_at_radii_between_its_steps(norm, radius, reach, explainer, images) -> None:
    x = np.round(images)
    r = annealed(grid=1.0, norm=norm)(explainer, x, epsilon=radius, bounds=RANGE)
    assert r.success.all()
    np.testing.assert_allclose(r.perturbed, np.round(r.perturbed), atol=1e-4)
    moved = np.abs(r.perturbed[0] - x)
    size = moved.max((1, 2, 3)) if norm == "linf" else np.sqrt((moved**2).sum((1, 2, 3)))
    assert (size <= reach + 1e-3).all()
    assert size.max() > 0.8 * reach


def test_rounding_in_model_units_hits_whole_grey_levels(net, images) -> None:
    inputs = keras.Input((12, 12, 3))
    scaled = keras.Model(inputs, net(keras.layers.Rescaling(50.0, 100.0)(inputs)))
    limits = tff.data.ranges.InputRange.of(-2.0, 155 / 50, 1 / 50)
    x = ((np.round(images) - 100) / 50).astype("float32")
    r = annealed(grid=1.0)(tff.explain("gradient", scaled), x, epsilon=4, bounds=limits)
    pixels = r.perturbed * 50 + 100
    np.testing.assert_allclose(pixels, np.round(pixels), atol=1e-3)
    assert r.success.all()


def test_restarts_only_add_and_are_paid_for(explainer, images) -> None:
    one = annealed()(explainer, images, epsilon=4, bounds=RANGE)
    three = annealed(restarts=3)(explainer, images, epsilon=4, bounds=RANGE)
    assert three.history.shape == (1, 6, 15)
    np.testing.assert_array_equal(three.history[..., :5], one.history)
    assert (np.diff(three.history, axis=-1) >= 0).all()
    np.testing.assert_array_equal(three.gradient_evaluations, 3 * one.gradient_evaluations)
    assert three.forward_equivalents.sum() > 2.5 * one.forward_equivalents.sum()
    better = three.history[..., -1] > one.history[..., -1]
    assert (three.steps_to_best[better] > 0).all()


def test_an_objective_with_a_stationary_start_starts_elsewhere(make_net, images) -> None:
    explainer = tff.explain("gradient", make_net("softplus"))
    attack = tff.attack("distance", optimizer="annealed_momentum", surrogate="none", steps=4)
    r = attack(explainer, images, epsilon=4, bounds=RANGE)
    assert not r.stuck.any()
    assert (r.metrics["objective"][r.success] > 0).all()


def test_an_attack_without_a_surrogate_on_a_piecewise_constant_map_says_it_is_stuck(
    explainer, images
) -> None:
    bare = annealed(surrogate="none")(explainer, images, epsilon=4, bounds=RANGE)
    assert bare.stuck.all()
    assert not bare.success.any()
    assert np.isnan(bare.metrics["top_k_intersection"]).all()
    assert "6 of 6 attacks never moved" in bare.notes[-1]
    assert not annealed()(explainer, images, epsilon=4, bounds=RANGE).stuck.any()


def test_thinned_path_points_have_no_bias_and_all_points_judge(make_net, images) -> None:
    method = tff.explain("integrated_gradients", make_net("softplus"), steps=64).method
    network = tff.explain("gradient", make_net("softplus")).network
    x = tf.constant(images[:2])
    target = network.predict(x)
    full = method.attribute(network, x, target, sample_seeds(0, 2))
    draws = tf.stack(
        [method.thinned(2).attribute(network, x, target, sample_seeds(s, 2)) for s in range(60)]
    )
    error = np.abs(tf.reduce_mean(draws, 0) - full).mean()
    single = np.abs(draws - full).mean()
    assert error < 0.35 * single  # a bias would not average out
    explainer = tff.explain("integrated_gradients", make_net(), steps=16)
    r = annealed(points=2)(explainer, images, epsilon=4, bounds=RANGE)
    maps = read_out(tf.constant(explainer(r.perturbed[0], target=r.label)))
    np.testing.assert_allclose(maps.numpy()[r.success[0]], r.map_after[0][r.success[0]], rtol=1e-4)
    assert (r.gradient_evaluations == 5).all()


def test_smoothgrad_is_judged_with_noise_that_did_not_choose_the_iterate(net, images) -> None:
    explainer = tff.explain("smoothgrad", net, samples=2, noise_level=0.1)
    r = annealed()(explainer, images, epsilon=4, bounds=RANGE, seed=3)
    seeds = sample_seeds(3, len(images))

    def overlap(seed: tf.Tensor) -> np.ndarray:
        clean, after = (
            read_out(explainer(tf.constant(x), r.label, seed)) for x in (images, r.perturbed[0])
        )
        return top_k_intersection(clean, after, 20).numpy()

    ok = r.success[0]
    fresh = overlap(folded(seeds, _FRESH))
    np.testing.assert_allclose(r.metrics["top_k_intersection"][0][ok], fresh[ok], atol=0.051)
    np.testing.assert_allclose(-r.history[0, ok, -1], overlap(seeds)[ok], atol=0.051)
    assert fresh[ok].mean() > overlap(seeds)[ok].mean()  # the winner's curse


def test_rows_that_do_not_fit_into_memory_are_halved(explainer, images, monkeypatch) -> None:
    expected = annealed(rows=12)(explainer, images, epsilon=[2, 4], bounds=RANGE)
    run, seen = Loop.run, []

    def small(self, problem, state, first, count):
        seen.append(problem.start.shape[0])
        if problem.start.shape[0] > 3:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        return run(self, problem, state, first, count)

    monkeypatch.setattr(Loop, "run", small)
    found = annealed(rows=12)(explainer, images, epsilon=[2, 4], bounds=RANGE)
    assert seen == [12, 6, 3, 3, 3, 3]  # 12 rows in the end
    np.testing.assert_allclose(found.perturbed, expected.perturbed, atol=1e-3)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        monkeypatch.setattr(
            Loop,
            "run",
            lambda *_: (_ for _ in ()).throw(tf.errors.ResourceExhaustedError(None, None, "OOM")),
        )
        annealed()(explainer, images, epsilon=2, bounds=RANGE)


def test_each_image_may_have_its_own_radius(explainer, images) -> None:
    own = np.array([[1.0, 2, 3, 4, 5, 6]])
    r = annealed()(explainer, images, epsilon=own, bounds=RANGE)
    np.testing.assert_allclose(r.metrics["linf"][r.success], own[r.success], rtol=0.05)
    assert r.perturbed.shape == (1, *images.shape)


def test_the_smallest_harmful_radius_is_found_with_a_real_attack(explainer, images) -> None:
    attack = annealed(steps=4)
    found = tff.attacks.smallest_epsilon(
        attack, explainer, images, low=0.05, high=16, bounds=RANGE, tolerance=0.3
    )
    assert found.reached.any()
    at = attack(
        explainer, images, epsilon=np.where(found.reached, found.epsilon, 1)[None], bounds=RANGE
    )
    left = at.metrics["top_k_intersection"][0]
    assert (left[found.reached] <= 0.5 + 1e-6).all()


@pytest.mark.parametrize("optimizer", ["sign", "annealed_momentum", "secant"])
def test_the_same_images_come_out_of_any_batch(optimizer, net, images) -> None:
    explainer = tff.explain("smoothgrad", net, samples=2, noise_level=0.02)
    attack = tff.attack("top_k", k=20, optimizer=optimizer, steps=6, rows=4, fixed_chunks=True)
    seeds = np.arange(10, 16)
    whole = attack(explainer, images, epsilon=4, bounds=RANGE, seed=seeds)
    parts = [
        attack(explainer, images[a:b], epsilon=4, bounds=RANGE, seed=seeds[a:b])
        for a, b in ((0, 1), (1, 4), (4, 6))
    ]
    joined = np.concatenate([part.perturbed[0] for part in parts])
    np.testing.assert_array_equal(joined, whole.perturbed[0])
