"""What every attack promises, whatever its objective and optimiser (fragility.md, 5.4)."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.attack import Attack
from tf_fragile.explainers.explainer import Explainer

RANGE = (0.0, 255.0)
EVERY = {
    "top_k": {"k": 20, "steps": 15, "step_size": 2.0},
    "mass_center": {"steps": 15, "step_size": 2.0},
    "target_region": {
        "mask": np.pad(np.ones((4, 4)), ((0, 8), (0, 8))),
        "steps": 15,
        "step_size": 2.0,
    },
}
every_objective = pytest.mark.parametrize("objective", sorted(EVERY))


# Compiled once for all tests: an attack keeps the loop of an explainer that it has attacked.
@cache
def attack_on(objective: str) -> Attack:
    return tff.attack(objective, **EVERY[objective])


@cache
def random_signs(objective: str = "top_k") -> Attack:
    aim = {n: v for n, v in EVERY[objective].items() if n not in ("steps", "step_size")}
    return tff.attack(objective, optimizer="random_sign", **aim)


@pytest.fixture(scope="module")
def net(make_net) -> keras.Model:
    return make_net()


@pytest.fixture(scope="module")
def explainer(net) -> Explainer:
    return tff.explain("gradient", net)


def clean_maps(explainer, x, label) -> np.ndarray:
    maps = np.abs(explainer(x, target=label)).sum(axis=-1)
    return maps / maps.sum(axis=(1, 2), keepdims=True)


@every_objective
@pytest.mark.parametrize("optimizer", ["sign", "random_sign"])
def test_success_stays_in_the_ball_in_range_and_keeps_the_label(
    objective, optimizer, net, explainer, images
) -> None:
    attack = attack_on(objective)
    if optimizer == "random_sign":
        attack = tff.attack(objective, optimizer=optimizer, mode="walk", **EVERY[objective])
    r = attack(explainer, images, epsilon=[2, 8], bounds=RANGE)
    assert r.perturbed.shape == (2, *images.shape)
    assert r.success.any()
    for level, epsilon in enumerate(r.epsilon):
        delta = r.perturbed[level] - images
        assert np.abs(delta).max() <= epsilon + 1e-4
        np.testing.assert_allclose(
            r.metrics["linf"][level][r.success[level]],
            np.abs(delta).reshape(len(images), -1).max(axis=1)[r.success[level]],
            rtol=1e-6,
        )
        assert r.perturbed[level].min() >= 0
        assert r.perturbed[level].max() <= 255
        labels = net.predict(r.perturbed[level], verbose=0).argmax(axis=1)
        kept = labels == net.predict(images, verbose=0).argmax(axis=1)
        assert kept[r.success[level]].all()
        np.testing.assert_array_equal(
            r.predicted[level][r.success[level]], labels[r.success[level]]
        )


@every_objective
def test_attacks_beat_random_signs(objective, explainer, images) -> None:
    attacked = attack_on(objective)(explainer, images, epsilon=8, bounds=RANGE)
    random = random_signs(objective)(explainer, images, epsilon=8, bounds=RANGE)
    name = {"mass_center": "center_shift"}.get(objective, "objective")
    both = attacked.success[0] & random.success[0]
    better = attacked.metrics[name][0] > random.metrics[name][0]
    assert both.sum() >= 4
    assert better[both].mean() >= 0.9


def test_target_region_gains_share_on_every_image(explainer, images) -> None:
    mask = EVERY["target_region"]["mask"].astype(bool)
    r = attack_on("target_region")(explainer, images, epsilon=16, bounds=RANGE)
    before, after = (maps[:, mask].sum(axis=1) for maps in (r.map_before, r.map_after[0]))
    ok = r.success[0]
    assert ok.sum() >= 4
    assert (after[ok] > 1.2 * before[ok]).all()
    np.testing.assert_allclose(after[ok], r.metrics["objective"][0][ok], rtol=1e-5)


def test_metrics_are_those_of_the_returned_images(net, explainer, images) -> None:
    r = attack_on("top_k")(explainer, images, epsilon=8, bounds=RANGE)
    label = net.predict(images, verbose=0).argmax(axis=1)
    np.testing.assert_array_equal(r.label, label)
    clean, after = (
        clean_maps(explainer, images, label),
        clean_maps(explainer, r.perturbed[0], label),
    )
    np.testing.assert_allclose(r.map_before, clean, rtol=1e-5)
    ok = r.success[0]
    np.testing.assert_allclose(r.map_after[0][ok], after[ok], rtol=1e-5)

    def top(m):
        return set(np.argsort(-m.ravel())[:20])

    overlap = [len(top(a) & top(b)) / 20 for a, b in zip(clean, after, strict=True)]
    np.testing.assert_allclose(r.metrics["top_k_intersection"][0][ok], np.array(overlap)[ok])
    probabilities = tf.nn.softmax(net.predict(r.perturbed[0], verbose=0)).numpy()
    confidence = probabilities[np.arange(len(label)), label]
    np.testing.assert_allclose(r.metrics["confidence_after"][0][ok], confidence[ok], rtol=1e-4)
    assert r.chance == 20 / 144


def test_more_steps_never_do_less_damage(explainer, images) -> None:
    damage = []
    for steps in (1, 5, 20):
        attack = tff.attack("top_k", k=20, steps=steps, step_size=2.0)
        r = attack(explainer, images, epsilon=8, bounds=RANGE)
        damage.append(np.nan_to_num(r.metrics["top_k_intersection"][0], nan=1.0))
        assert (r.steps_to_best[0] <= steps).all()
        assert ((r.steps_to_best[0] > 0) >= r.success[0]).all()
    assert (damage[1] <= damage[0]).all()
    assert (damage[2] <= damage[1]).all()
    assert damage[2].mean() < damage[0].mean()


def test_cost_is_counted_in_gradient_evaluations(explainer, images) -> None:
    r = tff.attack("top_k", k=20, steps=7)(explainer, images, epsilon=[1, 2], bounds=RANGE)
    assert (r.gradient_evaluations == 7).all()
    assert r.gradient_evaluations.shape == (2, len(images))
    random = random_signs()(explainer, images, epsilon=1, bounds=RANGE)
    assert (random.gradient_evaluations == 0).all()


def test_a_failed_attack_is_reported_as_failed(explainer, images) -> None:
    """One random throw of 200 grey levels takes the images of least margin out of their class."""
    r = random_signs()(explainer, images, epsilon=200, bounds=RANGE)
    failed = ~r.success[0]
    assert failed.any()
    for name, values in r.metrics.items():
        assert np.isnan(values[0][failed]).all(), name
    np.testing.assert_array_equal(r.perturbed[0][failed], images[failed])
    np.testing.assert_array_equal(r.map_after[0][failed], r.map_before[failed])
    assert (r.steps_to_best[0][failed] == 0).all()


def test_one_trace_serves_all_radii_images_and_targets(explainer, images) -> None:
    attack = tff.attack("top_k", k=20, steps=3, rows=6)
    attack(explainer, images, epsilon=1, bounds=RANGE)
    loop = attack.loop(explainer, 20)
    traces = loop.compiled.experimental_get_tracing_count()
    attack(explainer, images[::-1], epsilon=[2, 3.5], bounds=RANGE, seed=5)
    attack(explainer, images + 1, target=2, epsilon=1, bounds=(0, 256))
    assert loop.compiled.experimental_get_tracing_count() == traces


def test_result_does_not_depend_on_how_rows_are_cut(explainer, images) -> None:
    results = [
        tff.attack("top_k", k=20, steps=6, rows=rows, segment=segment)(
            explainer, images, epsilon=[1, 4], bounds=RANGE
        )
        for rows, segment in ((12, 6), (5, 4), (1, 1))
    ]
    for other in results[1:]:
        np.testing.assert_allclose(other.perturbed, results[0].perturbed, atol=1e-3)
        np.testing.assert_array_equal(other.success, results[0].success)


def test_random_control_depends_on_the_seed_alone(explainer, images) -> None:
    attack = random_signs()
    first, again, other = (
        attack(explainer, images, epsilon=4, bounds=RANGE, seed=s).perturbed for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    alone = attack(explainer, images[2:3], epsilon=4, bounds=RANGE, seed=[7]).perturbed
    among = attack(explainer, images, epsilon=4, bounds=RANGE, seed=[5, 6, 7, 8, 9, 10]).perturbed
    np.testing.assert_allclose(alone[0, 0], among[0, 2])


def test_one_shot_moves_every_entry_by_the_radius(explainer, images) -> None:
    inside = np.clip(images, 20, 230)
    r = random_signs()(explainer, inside, epsilon=4, bounds=RANGE)
    moved = np.abs(r.perturbed[0] - inside)[r.success[0]]
    np.testing.assert_allclose(moved, 4.0, atol=1e-4)


def test_epsilon_is_in_input_units_whatever_the_models_scale(net, explainer, images) -> None:
    """A net fed (pixel - 100) / 50 with the matching range is attacked exactly alike."""
    x = keras.Input((12, 12, 3))
    scaled = keras.Model(x, net(keras.layers.Rescaling(50.0, 100.0)(x)))
    attack = tff.attack("top_k", k=20, steps=8, step_size=1.0)
    plain = attack(explainer, images, epsilon=4, bounds=RANGE)
    limits = tff.data.ranges.InputRange.of((0 - 100) / 50, (255 - 100) / 50, 1 / 50)
    moved = attack(tff.explain("gradient", scaled), (images - 100) / 50, epsilon=4, bounds=limits)
    np.testing.assert_allclose(moved.perturbed * 50 + 100, plain.perturbed, atol=0.05)
    np.testing.assert_allclose(moved.metrics["linf"], plain.metrics["linf"], rtol=1e-3)


def test_every_selection_rule_keeps_its_own_worst_iterate(explainer, images) -> None:
    r = {
        rule: tff.attack("top_k", k=20, steps=20, step_size=1.0, select=rule)(
            explainer, images, epsilon=8, bounds=RANGE
        ).metrics
        for rule in tff.attacks.SELECTIONS
    }
    for rule, metric, sign in (
        ("intersection", "top_k_intersection", 1),
        ("correlation", "spearman", 1),
        ("center_shift", "center_shift", -1),
        ("objective", "objective", -1),
    ):
        own = np.nanmean(sign * r[rule][metric])
        assert all(own <= np.nanmean(sign * r[other][metric]) + 1e-9 for other in r)


def test_integrated_gradients_and_smoothgrad_can_be_attacked(net, images) -> None:
    for name, settings in (
        ("integrated_gradients", {"steps": 4}),
        ("smoothgrad", {"samples": 3, "noise_level": 0.02}),
    ):
        explainer = tff.explain(name, net, **settings)
        attack = tff.attack("top_k", k=20, steps=10, step_size=2.0)
        r = attack(explainer, images, epsilon=8, bounds=RANGE)
        random = random_signs()(explainer, images, epsilon=8, bounds=RANGE)
        a, b = r.metrics["top_k_intersection"], random.metrics["top_k_intersection"]
        assert np.nanmean(a) < np.nanmean(b)


def test_tabular_inputs_get_the_metrics_that_apply() -> None:
    stack = [keras.Input((30,)), keras.layers.Dense(20, activation="relu"), keras.layers.Dense(3)]
    model = keras.Sequential(stack)
    x = np.random.default_rng(0).uniform(0, 1, (4, 30)).astype("float32")
    explainer = tff.explain("gradient", model)
    attack = tff.attack("top_k", k=5, beta=20.0, steps=10, step_size=0.02)
    r = attack(explainer, x, epsilon=0.1, bounds=(0, 1))
    assert {"top_k_intersection", "spearman", "cosine"} <= set(r.metrics)
    assert "center_shift" not in r.metrics
    assert "ssim" not in r.metrics
