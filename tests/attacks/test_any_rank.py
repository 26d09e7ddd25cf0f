"""Attacks on rows of a table and on signals, against NumPy in float64 without the library."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.errors import InputError
from tf_fragile.metrics.readouts import READOUTS

layers = keras.layers
RNG = np.random.default_rng(3)
ROWS = RNG.uniform(0.2, 0.8, size=(4, 3)).astype(np.float32)
SIGNALS = RNG.uniform(0.2, 0.8, size=(3, 6, 2)).astype(np.float32)
EPSILON = 0.15


def softplus(z):
    return np.logaddexp(z, 0)


def slope(z):
    return 1 / (1 + np.exp(-z))


@pytest.fixture(scope="module")
def tabular() -> keras.Model:
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(5, "softplus"), layers.Dense(2)], name="tabular"
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) * 3 for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def conv() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((6, 2)),
            layers.Conv1D(4, 3, activation="softplus"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ],
        name="conv",
    )
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(size=w.shape) * 2 for w in model.get_weights()])
    return model


def of_rows(model, x, target):
    """Logits [N, 2] and gradients [N, 3] of the target's."""
    w1, b1, w2, b2 = (w.astype(np.float64) for w in model.get_weights())
    z = x.astype(np.float64) @ w1 + b1
    return softplus(z) @ w2 + b2, (slope(z) * w2[:, target].T) @ w1.T


def of_signals(model, x, target):
    """Logits [N, 2] and gradients [N, T, C] of the target's."""
    kernel, bias, w, b = (v.astype(np.float64) for v in model.get_weights())
    places = x.shape[1] - 2
    windows = np.stack([x[:, p : p + 3] for p in range(places)], 1).astype(np.float64)
    z = np.einsum("npkc,kcf->npf", windows, kernel) + bias
    logits = softplus(z).mean(1) @ w + b
    at_z = slope(z) * w[:, target].T[:, None, :] / places
    gradient = np.zeros(x.shape)
    for p in range(places):
        gradient[:, p : p + 3] += np.einsum("nf,kcf->nkc", at_z[:, p], kernel)
    return logits, gradient


def shares(magnitudes):
    return magnitudes / magnitudes.sum(axis=1, keepdims=True)


def test_an_attack_on_rows_finds_what_trying_the_whole_ball_finds(tabular) -> None:
    e = tff.explain("gradient", tabular)
    attack = tff.attack(
        "top_k", k=1, surrogate="none", select="objective", steps=40, step_size=0.01, norm="linf"
    )
    r = attack(e, ROWS, epsilon=EPSILON, bounds=(0, 1))
    steps = np.linspace(-EPSILON, EPSILON, 21)
    ball = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    for row, x in enumerate(ROWS):
        logits, gradient = of_rows(tabular, x[None], np.array([0]))
        label = int(logits.argmax())
        _, gradient = of_rows(tabular, x[None], np.array([label]))
        clean = shares(np.abs(gradient))[0]
        np.testing.assert_allclose(r.map_before[row], clean, rtol=1e-4)
        tried = np.clip(x + ball, 0, 1)
        logits, gradients = of_rows(tabular, tried, np.full(len(tried), label))
        kept = logits.argmax(1) == label
        worst = (-shares(np.abs(gradients))[:, clean.argmax()])[kept].max()
        assert worst > -clean.max() + 0.01  # there is something to find
        assert r.success[0, row]
        assert r.metrics["objective"][0, row] == pytest.approx(worst, abs=2e-3)


def test_an_attack_on_signals_reports_the_maps_that_numpy_has(conv) -> None:
    e = tff.explain("gradient", conv)
    attack = tff.attack("top_k", k=2, surrogate="none", steps=20, step_size=0.02)
    r = attack(e, SIGNALS, epsilon=[EPSILON], bounds=(0, 1))
    logits, _ = of_signals(conv, SIGNALS, np.zeros(3, int))
    label = logits.argmax(1)
    np.testing.assert_array_equal(r.label, label)
    before = shares(np.abs(of_signals(conv, SIGNALS, label)[1]).sum(-1))
    np.testing.assert_allclose(r.map_before, before, rtol=1e-4)
    logits, gradient = of_signals(conv, r.perturbed[0], label)
    np.testing.assert_array_equal(logits.argmax(1), label)
    after = shares(np.abs(gradient).sum(-1))
    np.testing.assert_allclose(r.map_after[0], after, rtol=1e-4)
    top = [set(np.argsort(-m)[:2]) for m in before], [set(np.argsort(-m)[:2]) for m in after]
    overlap = [len(a & b) / 2 for a, b in zip(*top, strict=True)]
    np.testing.assert_allclose(r.metrics["top_k_intersection"][0], overlap)
    assert r.chance == pytest.approx(2 / 6)


@pytest.mark.parametrize("readout", sorted(READOUTS))
def test_a_step_follows_the_derivative_of_the_readout(conv, readout) -> None:
    """Against central differences of NumPy's own maps."""
    e = tff.explain("gradient", conv)
    attack = tff.attack("top_k", k=2, surrogate="none", steps=1, readout=readout)
    x, label = SIGNALS.astype(np.float64), np.array([0, 1, 0])

    def maps(x):
        gradient = of_signals(conv, x, label)[1]
        folded = {
            "sum_abs": np.abs(gradient).sum(-1),
            "abs_max": np.abs(gradient).max(-1),
            "positive_sum": np.maximum(gradient, 0).sum(-1),
            "abs_sum": np.abs(gradient.sum(-1)),
            "entries": np.abs(gradient).reshape(len(x), -1),
        }
        return shares(folded[readout])

    clean = maps(x)
    chosen = np.zeros_like(clean)
    np.put_along_axis(chosen, np.argsort(-clean, axis=1)[:, :2], 1, axis=1)
    direction = np.random.default_rng(7).normal(size=x.shape)
    h = 1e-5
    ends = [-(maps(x + sign * h * direction) * chosen).sum(1) for sign in (1, -1)]
    wanted = (ends[0] - ends[1]) / (2 * h)
    loop = attack.loop(e, 2)
    seeds = tf.zeros([3, 2], tf.int32)
    given = tf.constant(SIGNALS)
    problem = problem_of(given, label, seeds, tf.constant(chosen, tf.float32))
    found = (loop.step_gradient(given, problem).numpy() * direction).sum((1, 2))
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=1e-5)


def problem_of(x, target, seeds, fixed):
    """A problem of which nothing but what a derivative needs is there."""
    from tf_fragile.attacks.state import Problem

    return Problem(
        start=x,
        radius=None,
        low=None,
        high=None,
        unit=None,
        target=tf.constant(target, tf.int32),
        label=None,
        margin=None,
        reference=None,
        fixed=fixed,
        scales=(),
        seed=seeds,
    )


def test_metrics_of_pictures_are_left_out_where_there_is_none(tabular, conv) -> None:
    picture = {"lens_recall", "lens_precision", "center_shift", "ssim"}
    for model, x in ((tabular, ROWS), (conv, SIGNALS)):
        for readout in ("sum_abs", "entries"):
            attack = tff.attack("top_k", k=2, surrogate="none", steps=2, readout=readout)
            r = attack(tff.explain("gradient", model), x, epsilon=EPSILON, bounds=(0, 1))
            assert not picture & set(r.metrics)
            assert {"top_k_intersection", "spearman", "cosine"} <= set(r.metrics)
            assert np.isfinite(r.metrics["spearman"][r.success]).all()


def test_every_column_may_have_a_range_of_its_own(tabular) -> None:
    from tf_fragile.data import InputRange

    wide = InputRange.of([0.1, 0, 0], [0.9, 1, 0.85], [1.0, 0.5, 0.1])
    attack = tff.attack("top_k", k=1, surrogate="none", steps=10, step_size=0.1)
    r = attack(tff.explain("gradient", tabular), ROWS, epsilon=0.2, bounds=wide)
    moved = np.abs(r.perturbed[0] - ROWS).max(0)
    assert (moved <= 0.2 * np.array([1.0, 0.5, 0.1]) + 1e-6).all()
    assert (r.perturbed[0] >= wide.low).all() and (r.perturbed[0] <= wide.high).all()


def test_rules_and_objectives_of_pictures_refuse_rows(tabular) -> None:
    e = tff.explain("gradient", tabular)
    attack = tff.attack("top_k", k=1, select="center_shift", surrogate="none")
    with pytest.raises(InputError, match=r"'center_shift' needs image maps .* \(4, 3\); use inter"):
        attack(e, ROWS, epsilon=0.1, bounds=(0, 1))
    with pytest.raises(InputError, match=r"mass_center attack needs image maps.* use top_k"):
        tff.attack("mass_center", surrogate="none")(e, ROWS, epsilon=0.1, bounds=(0, 1))


def test_an_unknown_readout_is_refused_when_the_attack_is_made() -> None:
    with pytest.raises(InputError, match="Unknown readout 'entry'; did you mean entries"):
        tff.attack("top_k", readout="entry")
