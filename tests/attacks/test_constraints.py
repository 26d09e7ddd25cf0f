"""Balls: projections, steps and random points."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.constraints import NORMS
from tf_fragile.explainers.noise import sample_seeds

RANGE = (0.0, 255.0)
RNG = np.random.default_rng(0)
UNIT = np.array([0.5, 1.0, 2.0], np.float32)
START = RNG.uniform(10, 90, (4, 6, 6, 3)).astype("float32")


def ball(norm: str, radius: float):
    values = (np.full((4, 1, 1, 1), radius, np.float32), UNIT, np.float32(0), np.float32(100))
    return NORMS[norm](tf.constant(START), *map(tf.constant, values))


def length(norm: str, delta: np.ndarray) -> np.ndarray:
    flat = (delta / UNIT).reshape(len(delta), -1)
    return np.abs(flat).max(1) if norm == "linf" else np.linalg.norm(flat, axis=1)


@pytest.mark.parametrize("norm", NORMS)
def test_projections_are_inside_and_leave_what_is_inside_alone(norm) -> None:
    for spread in (1e-3, 1.0, 50.0):
        x = START + spread * RNG.standard_normal(START.shape).astype("float32")
        projected = ball(norm, 3.0).project(tf.constant(x)).numpy()
        assert (length(norm, projected - START) <= 3 * (1 + 1e-5)).all()
        assert projected.min() >= 0 and projected.max() <= 100
        again = ball(norm, 3.0).project(tf.constant(projected))
        np.testing.assert_allclose(again, projected, atol=1e-4)
    near = START + 1e-3 * RNG.standard_normal(START.shape).astype("float32")
    np.testing.assert_allclose(ball(norm, 3.0).project(tf.constant(near)), near, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_a_step_has_its_length_and_gains_most(norm) -> None:
    direction = tf.constant(RNG.standard_normal(START.shape).astype("float32"))
    step = ball(norm, 3.0).along(direction, tf.constant(2.0)).numpy()
    np.testing.assert_allclose(length(norm, step), 2.0, rtol=1e-5)
    gain = (step * direction).numpy().reshape(4, -1).sum(1)
    for _ in range(20):
        other = RNG.standard_normal(START.shape) * UNIT
        other *= (2 / length(norm, other))[:, None, None, None]
        assert (gain >= (other * direction).numpy().reshape(4, -1).sum(1)).all()
    np.testing.assert_array_equal(ball(norm, 3.0).along(tf.zeros_like(direction), 2.0), 0)


@pytest.mark.parametrize("norm", NORMS)
def test_random_points_are_inside_and_each_samples_own(norm) -> None:
    seeds = sample_seeds([1, 2, 3, 4], 4)
    points = ball(norm, 3.0).random(seeds, tf.constant(0)).numpy()
    sizes = length(norm, points - START)
    assert (sizes <= 3 * (1 + 1e-5)).all() and (sizes > 2.5).all()
    other = ball(norm, 3.0).random(seeds, tf.constant(1)).numpy()
    assert (np.abs(points - other).reshape(4, -1).max(1) > 0.1).all()


def test_an_l2_attack_stays_in_its_ball_and_beats_random_directions(net, images) -> None:
    explainer = tff.explain("gradient", net)
    settings = {"k": 20, "norm": "l2"}
    found = tff.attack("top_k", optimizer="annealed_momentum", steps=10, **settings)(
        explainer, images, epsilon=60, bounds=RANGE
    )
    random = tff.attack("top_k", optimizer="random_sign", **settings)(
        explainer, images, epsilon=60, bounds=RANGE
    )
    assert (found.metrics["l2"][found.success] <= 60 * (1 + 1e-5)).all()
    np.testing.assert_allclose(random.metrics["l2"][random.success], 60, rtol=0.02)
    left = [np.nanmean(r.metrics["top_k_intersection"]) for r in (found, random)]
    assert left[0] < left[1] - 0.1
