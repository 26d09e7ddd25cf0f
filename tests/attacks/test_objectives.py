"""Every objective on raw maps: its value, its gradient, and what a step along it does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.objectives import (
    OBJECTIVES,
    Distance,
    MassCenter,
    SoftRank,
    TargetMap,
    TargetRegion,
    TopK,
)
from tf_fragile.errors import InputError
from tf_fragile.metrics.similarity import center_of_mass, cosine, top_k_intersection, top_k_mask

RNG = np.random.default_rng(9)
SIDE = 8
MASK = np.pad(np.ones((3, 3)), ((5, 0), (0, 5)))
WANTED = RNG.uniform(size=(2, SIDE, SIDE))
EVERY = {
    "top_k": TopK(k=9),
    "soft_rank": SoftRank(k=9),
    "mass_center": MassCenter(),
    "target_region": TargetRegion(MASK),
    "target_map": TargetMap(WANTED),
    "squared": Distance("squared"),
    "cosine": Distance("cosine"),
    "pearson": Distance("pearson"),
}
every_objective = pytest.mark.parametrize("name", sorted(EVERY))


def random_maps(count: int = 2) -> tf.Tensor:
    maps = RNG.uniform(size=(count, SIDE, SIDE)) ** 3
    return tf.constant(maps / maps.sum(axis=(1, 2), keepdims=True))


def value_and_gradient(objective, maps: tf.Tensor, fixed: tf.Tensor):
    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = objective.value(maps, fixed)
    return value, tape.gradient(value, maps)


def soft_count(maps: np.ndarray, mask: np.ndarray, k: int, at: np.ndarray) -> np.ndarray:
    """The soft rank with the threshold of the map `at`, one map and one entry at a time."""
    values = []
    for each, inside, near in zip(maps, mask, at, strict=True):
        ordered = sorted(near.ravel(), reverse=True)
        threshold = (ordered[k - 1] + ordered[k]) / 2
        z = [(v - threshold) / (threshold / 4) for v in each[inside]]
        values.append(-sum(1 / (1 + np.exp(-v)) for v in z))
    return np.array(values)


def test_every_registered_objective_is_tested_here() -> None:
    covered = {type(objective) for objective in EVERY.values()}
    assert covered == set(OBJECTIVES.values())


@every_objective
def test_gradient_matches_central_differences(name: str) -> None:
    objective, maps = EVERY[name], random_maps()
    fixed = objective.fixed(random_maps())
    direction = tf.constant(RNG.standard_normal(maps.shape) / SIDE**2)
    h = 1e-6

    def value(moved: tf.Tensor) -> np.ndarray:
        if name == "soft_rank":  # its threshold is constant in the derivative
            return soft_count(moved.numpy(), fixed.numpy() > 0, 9, maps.numpy())
        return objective.value(moved, fixed).numpy()

    slope = (value(maps + h * direction) - value(maps - h * direction)) / (2 * h)
    _, gradient = value_and_gradient(objective, maps, fixed)
    np.testing.assert_allclose(tf.reduce_sum(gradient * direction, [1, 2]), slope, rtol=1e-6)


@every_objective
def test_a_sample_does_not_see_the_others(name: str) -> None:
    objective, maps, reference = EVERY[name], random_maps(), random_maps()
    fixed = objective.fixed(reference)
    together = objective.value(maps, fixed)
    alone = objective.value(maps[1:], fixed[1:])
    np.testing.assert_allclose(together[1:], alone, rtol=1e-12)


@every_objective
def test_the_start_is_stationary_where_the_objective_says_so_and_nowhere_else(name: str) -> None:
    for dtype in (tf.float32, tf.float64):
        reference = tf.cast(random_maps(), dtype)
        _, gradient = value_and_gradient(EVERY[name], reference, EVERY[name].fixed(reference))
        size = np.abs(gradient.numpy()).reshape(2, -1).max(axis=1)
        if EVERY[name].stationary_start:
            np.testing.assert_array_equal(size, 0)
        else:
            assert (size > 0).all()


def one_step(objective, maps: tf.Tensor, fixed: tf.Tensor, share: float = 0.02) -> tf.Tensor:
    """A step along the gradient that moves a share of the map's mass; none below zero."""
    _, gradient = value_and_gradient(objective, maps, fixed)
    scale = share / tf.reduce_sum(tf.abs(gradient), [1, 2], keepdims=True)
    moved = tf.nn.relu(maps + scale * gradient)
    return moved / tf.reduce_sum(moved, [1, 2], keepdims=True)


def test_a_step_of_top_k_takes_mass_from_the_clean_top_k() -> None:
    reference = random_maps(8)
    objective = EVERY["top_k"]
    moved = one_step(objective, reference, objective.fixed(reference))
    mask = top_k_mask(reference, 9).numpy()
    before, after = ((m.numpy() * mask).sum(axis=(1, 2)) for m in (reference, moved))
    assert (after < before).all()


def test_steps_of_soft_rank_take_positions_out_of_the_top_k_sooner_than_those_of_top_k() -> None:
    reference = random_maps(64)
    overlap = {}
    for name in ("soft_rank", "top_k"):
        objective = EVERY[name]
        moved, fixed = reference, objective.fixed(reference)
        for _ in range(5):
            moved = one_step(objective, moved, fixed)
        overlap[name] = top_k_intersection(reference, moved, 9).numpy()
    assert overlap["soft_rank"].mean() < overlap["top_k"].mean() - 0.03
    assert overlap["soft_rank"].mean() < 0.8


def test_a_step_of_mass_center_moves_the_centre_away() -> None:
    reference, objective = random_maps(8), EVERY["mass_center"]
    fixed = objective.fixed(reference)
    moved = one_step(objective, reference, fixed)
    before, after = (
        tf.norm(center_of_mass(maps) - fixed, axis=1).numpy() for maps in (reference, moved)
    )
    assert (after > before).all()


def test_a_step_of_target_region_brings_mass_into_the_region() -> None:
    reference, objective = random_maps(8), EVERY["target_region"]
    moved = one_step(objective, reference, objective.fixed(reference)).numpy()
    inside = MASK.astype(bool)
    assert (moved[:, inside].sum(axis=1) > reference.numpy()[:, inside].sum(axis=1)).all()


def test_a_step_of_target_map_goes_to_each_samples_own_map() -> None:
    reference, objective = random_maps(), EVERY["target_map"]
    moved = one_step(objective, reference, objective.fixed(reference), 0.1)
    wanted = WANTED / WANTED.sum(axis=(1, 2), keepdims=True)
    before, after = (
        np.square(maps.numpy() - wanted).sum(axis=(1, 2)) for maps in (reference, moved)
    )
    assert (after < before).all()


@pytest.mark.parametrize("kind", ["squared", "cosine", "pearson"])
def test_a_step_of_distance_goes_on_from_a_changed_map(kind: str) -> None:
    reference, objective = random_maps(8), Distance(kind)
    fixed = objective.fixed(reference)
    changed = (9 * reference + random_maps(8)) / 10
    moved = one_step(objective, changed, fixed)
    assert (objective.value(moved, fixed).numpy() > objective.value(changed, fixed).numpy()).all()


def test_distances_agree_with_numpy() -> None:
    maps, reference = random_maps(4), random_maps(4)
    got = {
        kind: Distance(kind).value(maps, Distance(kind).fixed(reference)).numpy()
        for kind in ("squared", "cosine", "pearson")
    }
    a, b = maps.numpy().reshape(4, -1), reference.numpy().reshape(4, -1)
    np.testing.assert_allclose(got["squared"], ((a - b) ** 2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(got["cosine"], 1 - cosine(maps, reference), rtol=1e-10)
    pearson = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(got["pearson"], 1 - np.array(pearson), rtol=1e-10)


@pytest.mark.parametrize("kind", ["cosine", "pearson"])
def test_a_map_without_direction_has_no_distance_but_a_finite_gradient(kind: str) -> None:
    reference = random_maps()
    maps = tf.concat([tf.zeros([1, SIDE, SIDE], tf.float64), random_maps(1)], 0)
    objective = Distance(kind)
    for at, clean in ((maps, reference), (reference, maps)):
        value, gradient = value_and_gradient(objective, at, objective.fixed(clean))
        np.testing.assert_array_equal(np.isnan(value), [True, False])
        assert np.isfinite(gradient).all()


def test_soft_rank_agrees_with_a_slow_twin() -> None:
    maps, reference = random_maps(), random_maps()
    objective = SoftRank(k=9)
    fixed = objective.fixed(reference)
    expected = soft_count(maps.numpy(), fixed.numpy() > 0, 9, maps.numpy())
    np.testing.assert_allclose(objective.value(maps, fixed), expected, rtol=1e-12)


def test_soft_rank_counts_the_top_k_overlap_as_its_temperature_falls() -> None:
    maps, reference = random_maps(8), random_maps(8)
    objective = SoftRank(k=9, temperature=1e-6)
    count = 9 * top_k_intersection(reference, maps, 9)
    np.testing.assert_allclose(objective.value(maps, objective.fixed(reference)), -count, atol=1e-3)


def test_soft_rank_pushes_positions_at_the_edge_of_the_top_k_most() -> None:
    reference, objective = random_maps(1), SoftRank(k=9)
    _, gradient = value_and_gradient(objective, reference, objective.fixed(reference))
    ordered = np.argsort(-reference.numpy().ravel())
    push = -gradient.numpy().ravel()[ordered]
    assert (np.diff(push[:9]) > 0).all()
    np.testing.assert_array_equal(push[9:], 0)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("filled", [0, 1, 5, 9, 64])
@pytest.mark.parametrize("k", [1, 9, 64])
def test_soft_rank_is_finite_on_sparse_and_constant_maps(dtype, filled: int, k: int) -> None:
    flat = np.zeros(SIDE**2)
    flat[:filled] = 1 / max(filled, 1)
    maps = tf.cast(flat.reshape(1, SIDE, SIDE), dtype)
    objective = SoftRank(k=k)
    value, gradient = value_and_gradient(objective, maps, objective.fixed(maps))
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    assert -k - 1e-4 <= value[0] < 0


def test_soft_rank_compiles_to_the_same_value() -> None:
    maps, reference = random_maps(), random_maps()
    objective = SoftRank(k=9)
    fixed = objective.fixed(reference)
    for jit in (False, True):
        traced = tf.function(objective.value, jit_compile=jit)
        np.testing.assert_allclose(traced(maps, fixed), objective.value(maps, fixed), rtol=1e-9)


def test_a_target_map_is_taken_at_any_scale_and_for_one_or_all() -> None:
    reference = random_maps()
    both = TargetMap(WANTED).fixed(reference)
    np.testing.assert_allclose(tf.reduce_sum(both, [1, 2]), 1.0, rtol=1e-12)
    np.testing.assert_allclose(TargetMap(50 * WANTED).fixed(reference), both, rtol=1e-12)
    one = TargetMap(WANTED[0]).fixed(reference)
    np.testing.assert_allclose(one, [both[0]] * 2, rtol=1e-12)
    np.testing.assert_array_equal(TargetMap(WANTED).value(both, both), [0.0, 0.0])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: TargetMap(), "needs target_map="),
        (lambda: TargetMap(np.ones((3, 3))), r"target map has shape \(3, 3\), the maps have"),
        (lambda: TargetMap(np.ones((3, 8, 8))), r"shape \(3, 8, 8\).* a batch of 2"),
        (lambda: TargetMap(np.ones(64)), r"shape \(64,\)"),
        (lambda: TargetMap(-np.ones((8, 8))), "has negative entries"),
        (lambda: TargetMap(np.full((8, 8), np.nan)), r"target_map .* shape \(8, 8\); give finite"),
        (lambda: TargetMap(np.zeros((8, 8))), "target map is all zero"),
        (lambda: TargetMap(np.stack([MASK, 0 * MASK])), "target map is all zero"),
        (lambda: TargetRegion(np.ones((3, 8, 8))), r"shape \(3, 8, 8\).* a batch of 2"),
        (lambda: TargetRegion(np.ones(64)), r"target region has shape \(64,\)"),
        (lambda: TargetRegion(np.stack([MASK, 0 * MASK])), "target region is empty"),
        (lambda: SoftRank(k=65), "k=65 does not fit a map of 8 x 8"),
        (lambda: SoftRank(temperature=0), "temperature of SoftRank is 0; give"),
        (lambda: Distance("cosin"), "Unknown kind of distance 'cosin'; did you mean cosine"),
    ],
)
def test_what_does_not_fit_is_refused(make, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        make().check(tf.TensorShape([2, SIDE, SIDE]))


def test_objectives_take_their_settings_from_the_factory() -> None:
    attack = tff.attack("soft_rank", k=20, temperature=0.5)
    assert attack.objective == SoftRank(20, 0.5) and attack.k == 20
    assert tff.attack("distance", kind="pearson").objective == Distance("pearson")
    with pytest.raises(InputError, match="attack setting 'stationary_start'"):
        tff.attack("distance", stationary_start=False)


def test_each_image_is_drawn_to_its_own_map_at_every_radius(net, images) -> None:
    explainer = tff.explain("gradient", net)
    wanted = np.zeros((len(images), 12, 12))
    wanted[::2, :6], wanted[1::2, 6:] = 1, 1
    attack = tff.attack("target_map", target_map=wanted, steps=15, step_size=2.0)
    r = attack(explainer, images, epsilon=[4, 16], bounds=(0, 255))
    wanted /= wanted.sum(axis=(1, 2), keepdims=True)
    before = np.square(r.map_before - wanted).sum(axis=(1, 2))
    after = np.square(r.map_after - wanted).sum(axis=(2, 3))
    assert r.success.mean() > 0.7
    assert (after < before)[r.success].all()
    np.testing.assert_allclose(-after[r.success], r.metrics["objective"][r.success], rtol=1e-4)


def test_soft_rank_beats_random_signs_on_the_overlap(net, images) -> None:
    explainer = tff.explain("gradient", net)
    soft = tff.attack("soft_rank", k=20, steps=15, step_size=2.0)
    random = tff.attack("soft_rank", k=20, optimizer="random_sign")
    attacked, control = (a(explainer, images, epsilon=8, bounds=(0, 255)) for a in (soft, random))
    both = attacked.success[0] & control.success[0]
    assert both.sum() >= 4
    worst, chance = (r.metrics["top_k_intersection"][0][both] for r in (attacked, control))
    assert (worst < chance).all()


def test_the_corrected_overlap_and_lens_are_those_of_the_reported_maps(net, images) -> None:
    from tf_fragile.metrics.similarity import lens_precision, lens_recall

    explainer = tff.explain("gradient", net)
    attack = tff.attack("top_k", k=20, steps=8, step_size=2.0)
    r = attack(explainer, images, epsilon=8, bounds=(0, 255))
    ok = r.success[0]
    before, after = r.map_before[ok], r.map_after[0][ok]
    got = {name: values[0][ok] for name, values in r.metrics.items()}
    overlap, chance = got["top_k_intersection"], 20 / 144
    np.testing.assert_allclose(got["top_k_chance_corrected"], (overlap - chance) / (1 - chance))
    np.testing.assert_allclose(got["lens_recall"], lens_recall(before, after, 20))
    np.testing.assert_allclose(got["lens_precision"], lens_precision(before, after, 20))
    assert (got["lens_recall"] >= overlap - 1e-7).all()
    whole = tff.attack("mass_center", k=144, steps=2)(explainer, images, epsilon=1, bounds=(0, 255))
    assert "top_k_chance_corrected" not in whole.metrics
    for values in whole.metrics.values():
        assert np.isfinite(values[whole.success]).all()
