"""Models whose answers are rounding are refused, and told from faults of ours."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.faithful import check_cheaper
from tf_fragile.backprop.rounding import check_determined, nudged
from tf_fragile.errors import InputError

L = keras.layers
X = np.random.default_rng(0).uniform(0.1, 0.9, (2, 6))


def logistic(steps: int, dtype: str = "float32") -> keras.Model:
    """x → 4x(1-x), again and again: each step doubles what was off before."""
    i = keras.Input((6,), dtype=dtype)
    x = i
    for _ in range(steps):
        x = 4 * x * (1 - x)
    keras.utils.set_random_seed(0)
    return keras.Model(i, L.Dense(3, dtype=dtype)(x), name="chaos")


@pytest.mark.slow
def test_scores_that_are_rounding_are_refused() -> None:
    said = r"The scores of model 'chaos' move by .* last digit of float32.*in float64"
    with pytest.raises(InputError, match=said):
        tff.explain("gradient", logistic(30))(X.astype("float32"), 1)


def test_rounding_is_told_before_a_sample_is_compared_with_itself_in_other_company(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sums come in another order there, which such a model turns into another answer."""

    def depends(*_: object) -> None:
        raise InputError("depends on the other samples")

    monkeypatch.setattr("tf_fragile.backprop.network.check_alone", depends)
    test_scores_that_are_rounding_are_refused()


def test_even_maxima_are_no_rounding() -> None:
    """Of a blank picture all places are even, and which of them has the gradient is chance."""
    i = keras.Input((8, 8, 3))
    h = L.GlobalMaxPooling2D()(L.Conv2D(4, 3, padding="same")(i))
    maps = tff.explain("gradient", keras.Model(i, L.Dense(3)(h)))(np.full((2, 8, 8, 3), 0.7), 1)
    assert np.isfinite(maps).all() and np.abs(maps).max() > 0


@pytest.mark.slow
def test_the_advice_works_and_few_steps_are_explained() -> None:
    for model, x in ((logistic(30, "float64"), X), (logistic(8), X.astype("float32"))):
        maps = tff.explain("gradient", model)(x, 1)
        t = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(t)
            score = model(t)[:, 1]
        np.testing.assert_allclose(maps, tape.gradient(score, t), rtol=1e-3)


@pytest.mark.slow
def test_a_chaotic_model_in_float64_is_not_told_to_go_to_float64() -> None:
    with pytest.raises(InputError, match=r"last digit of float64.*weights are trained\.$"):
        tff.explain("gradient", logistic(70, "float64"))(X, 1)


def test_ties_and_integers_stay_what_they_are() -> None:
    x = [tf.constant([[0.5, 0.5, 0.0, 255.0]]), tf.constant([[3, 4]])]
    floats, ids = nudged(x)
    assert floats[0, 0] == floats[0, 1] != 0.5 and floats[0, 2] == 0
    assert ids is x[1]


def test_how_far_scores_move_is_told_and_what_a_derivative_makes_is_let_pass() -> None:
    here = np.array([[1.0, 2.0]])
    near = here + np.array([0, 0.002])
    assert check_determined("m", "float32", here, near) == pytest.approx(0.001)
    with pytest.raises(InputError, match=r"scores of model 'm' move by 0\.02 of the largest when"):
        check_determined("m", "float32", here, here + np.array([0, 0.04]))
    with pytest.raises(InputError, match="scores of model 'm' move by more than all of them when"):
        check_determined("m", "float32", here, np.array([[1.0, np.inf]]))


def test_a_cheaper_form_may_differ_by_the_models_own_rounding_alone() -> None:
    plain, cheaper = tf.constant([[1.0, 2.0]]), tf.constant([[1.0, 2.06]])
    check_cheaper("m", plain, cheaper, half=False, moved=0.02)
    with pytest.raises(InputError, match="a fault of ours"):
        check_cheaper("m", plain, cheaper, half=False, moved=0.002)
