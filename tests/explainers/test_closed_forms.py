"""Explainers against closed forms and against each other."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.explainers.accumulate import sum_over
from tf_fragile.explainers.noise import normal, sample_seeds, signs
from tf_fragile.explainers.quadrature import RULES, quadrature

layers = keras.layers
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 6, 6, 2))
BASE = RNG.standard_normal((6, 6, 2))


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


def linear() -> keras.Model:
    return keras.Sequential(
        [keras.Input((6, 6, 2), dtype="float64"), layers.Flatten(), layers.Dense(3)]
    )


def smooth() -> keras.Model:
    stack = [layers.Conv2D(4, 3, activation="softplus"), layers.Flatten(), layers.Dense(3)]
    return keras.Sequential([keras.Input((6, 6, 2), dtype="float64"), *stack])


def test_linear_model_has_its_weights_as_gradient() -> None:
    model = linear()
    expected = model.layers[-1].kernel.numpy()[:, 1].reshape(6, 6, 2)
    maps = tff.explain("gradient", model)(X, target=1)
    np.testing.assert_allclose(maps, np.broadcast_to(expected, X.shape), atol=1e-12)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_linear_model_has_weight_times_difference_as_integrated_gradients(rule: str) -> None:
    model = linear()
    kernel = model.layers[-1].kernel.numpy()[:, 1].reshape(6, 6, 2)
    explainer = tff.explain("integrated_gradients", model, steps=3, rule=rule, baseline=BASE)
    np.testing.assert_allclose(explainer(X, target=1), kernel * (X - BASE), atol=1e-12)


def test_gradient_agrees_with_central_differences() -> None:
    model, h = smooth(), 1e-5
    maps = tff.explain("gradient", model)(X, target=2)
    for place in [(0, 0, 0), (3, 2, 1), (5, 5, 1)]:
        step = np.zeros((6, 6, 2))
        step[place] = h
        slope = (model(tf.constant(X + step)) - model(tf.constant(X - step))).numpy()[:, 2] / (
            2 * h
        )
        np.testing.assert_allclose(maps[(slice(None), *place)], slope, rtol=1e-6)


def test_gradient_x_input_is_that() -> None:
    model = smooth()
    product = X * tff.explain("gradient", model)(X, target=0)
    np.testing.assert_array_equal(tff.explain("gradient_x_input", model)(X, target=0), product)


def test_map_scales_with_the_logit_and_does_not_see_the_bias() -> None:
    model = smooth()
    before = tff.explain("integrated_gradients", model)(X, target=0)
    top = model.layers[-1]
    top.kernel.assign(2 * top.kernel)
    top.bias.assign(top.bias + 7)
    after = tff.explain("integrated_gradients", model)(X, target=0)
    np.testing.assert_allclose(after, 2 * before, rtol=1e-10)


def test_completeness_gap_is_what_it_says_and_shrinks_with_the_steps() -> None:
    model, gaps = smooth(), []
    for steps in (100, 400):
        explainer = tff.explain("integrated_gradients", model, steps=steps, rule="right")
        maps = explainer(X, target=1)
        change = (model(tf.constant(X)) - model(tf.zeros_like(X))).numpy()[:, 1]
        gap = explainer.gap(X, target=1, attribution=maps)
        np.testing.assert_allclose(gap, maps.sum(axis=(1, 2, 3)) - change, atol=1e-12)
        assert (np.abs(gap) <= 0.05 * np.abs(change) + 1e-3).all()
        gaps.append(np.abs(gap).mean())
    assert gaps[1] <= gaps[0] / 3


def test_gauss_legendre_completes_where_riemann_sums_do_not() -> None:
    model = smooth()
    gap = {
        rule: np.abs(tff.explain("integrated_gradients", model, steps=8, rule=rule).gap(X)).max()
        for rule in RULES
    }
    assert gap["gauss_legendre"] < 1e-3 * gap["right"]
    assert gap["trapezoid"] < gap["left"]


def test_methods_without_a_theory_have_no_gap() -> None:
    assert tff.explain("gradient", linear()).gap(X) is None


def test_integrated_gradients_of_the_baseline_is_zero_and_one_right_step_is_the_gradient() -> None:
    model = smooth()
    zero = tff.explain("integrated_gradients", model, baseline=X[:1])(X[:1])
    np.testing.assert_array_equal(zero, np.zeros_like(zero))
    one = tff.explain("integrated_gradients", model, steps=1, rule="right", baseline=BASE)
    gradient = tff.explain("gradient", model)(X, target=1)
    np.testing.assert_allclose(one(X, target=1), (X - BASE) * gradient, atol=1e-12)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_quadrature_integrates_what_its_order_promises(rule: str) -> None:
    points, weights = quadrature(rule, 5)
    assert weights.sum() == pytest.approx(1)
    assert len(points) == len(weights) == 5
    exact_degree = {"gauss_legendre": 9, "trapezoid": 1}.get(rule, 0)
    assert (weights * points**exact_degree).sum() == pytest.approx(1 / (exact_degree + 1))
    assert (weights * points ** (exact_degree + 1)).sum() != pytest.approx(1 / (exact_degree + 2))


def test_smoothgrad_without_noise_is_its_base_and_its_variance_is_zero() -> None:
    model = smooth()
    for base in ("gradient", "integrated_gradients"):
        plain = tff.explain(base, model)(X, target=1)
        quiet = {"samples": 4, "noise_level": 0.0, "base": base}
        mean = tff.explain("smoothgrad", model, **quiet)(X, target=1)
        square = tff.explain("smoothgrad_squared", model, **quiet)(X, target=1)
        variance = tff.explain("vargrad", model, **quiet)(X, target=1)
        np.testing.assert_allclose(mean, plain, atol=1e-12)
        np.testing.assert_allclose(square, plain**2, atol=1e-12)
        np.testing.assert_allclose(variance, 0, atol=1e-15)


def test_the_three_noise_statistics_are_consistent() -> None:
    model = smooth()
    mean, square, variance = (
        tff.explain(name, model, samples=7)(X, target=1, seed=3)
        for name in ("smoothgrad", "smoothgrad_squared", "vargrad")
    )
    np.testing.assert_allclose(variance, square - mean**2, atol=1e-12)
    assert (variance > -1e-12).all()


def test_smoothgrad_of_a_quadratic_tends_to_its_gradient() -> None:
    x = keras.Input((4,), dtype="float64")
    model = keras.Model(x, layers.Dense(2, use_bias=False)(keras.ops.square(x)))
    data = RNG.standard_normal((2, 4))
    maps = tff.explain("smoothgrad", model, samples=4000, noise_level=0.1)(data, target=0)
    np.testing.assert_allclose(maps, tff.explain("gradient", model)(data, target=0), atol=0.02)


def test_normal_noise_is_normal_and_signs_are_fair() -> None:
    like = tf.zeros([2, 40_000], tf.float64)
    seeds = sample_seeds(5, 2)
    noise = normal(seeds, 0, like).numpy()
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02
    assert abs((noise**4).mean() - 3) < 0.15
    assert np.abs(np.corrcoef(noise)[0, 1]) < 0.02
    flips = signs(seeds, 0, like).numpy()
    assert set(np.unique(flips)) == {-1.0, 1.0}
    assert abs(flips.mean()) < 0.02


def test_sum_over_equals_the_plain_sum_and_its_derivative() -> None:
    x = tf.constant(RNG.standard_normal(5))

    def term(i, x):
        return [tf.sin(x * tf.cast(i + 1, x.dtype))]

    def slope(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.square(function(x)))
        return tape.gradient(y, x)

    def plain(x):
        return tf.add_n([term(i, x)[0] for i in range(6)])

    def summed(x):
        return sum_over(term, 6, [x], [x])[0]

    np.testing.assert_allclose(summed(x), plain(x), atol=1e-14)
    np.testing.assert_allclose(slope(summed), slope(plain), atol=1e-12)


def test_attack_gradient_through_the_path_is_the_sum_of_scaled_parts() -> None:
    """fragility.md's exact chain rule: sum_k (k/M) dL/du_k, and x - x0 taken at u_M."""
    model, steps = smooth(), 5
    x = tf.constant(X)
    weight = tf.constant(RNG.standard_normal(X.shape))
    method = tff.explainers.IntegratedGradients(steps=steps, rule="right")
    network = tff.explain("gradient", model).network
    target, seed = tf.constant([1, 1, 1]), sample_seeds(0, 3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(weight * method.attribute(network, x, target, seed))
    end_to_end = tape.gradient(loss, x)

    fractions = [(k + 1) / steps for k in range(steps)]
    path = [f * x for f in fractions]
    with tf.GradientTape() as outer:
        outer.watch(path)
        with tf.GradientTape() as inner:
            inner.watch(path)
            scores = [network.score(u, target) for u in path]
        mean = tf.add_n(inner.gradient(scores, path)) / steps
        loss = tf.reduce_sum(weight * path[-1] * mean)
    parts = outer.gradient(loss, path)
    by_hand = tf.add_n([f * g for f, g in zip(fractions, parts, strict=True)])
    np.testing.assert_allclose(end_to_end, by_hand, atol=1e-12)
