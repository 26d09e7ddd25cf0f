"""Bad input to an explainer is told in one sentence."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.errors import InputError
from tf_fragile.explainers.integrated_gradients import baseline_like

X = np.zeros((2, 6), np.float32)


def model() -> keras.Model:
    layers = [keras.Input((6,)), keras.layers.Dense(3)]
    return keras.Sequential(layers, name="rows")


def test_calling_the_module_lists_the_explainers() -> None:
    assert "integrated_gradients" in tff.explainers()


def test_unknown_explainer_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="Unknown explainer 'integrated_gradient'; did you mean"):
        tff.explain("integrated_gradient", model())


def test_unknown_setting_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="'step'; did you mean steps"):
        tff.explain("integrated_gradients", model(), step=3)
    with pytest.raises(InputError, match="Explainer 'gradient' has no settings; 'steps' was given"):
        tff.explain("gradient", model(), steps=3)


def test_settings_out_of_range() -> None:
    with pytest.raises(InputError, match="'trapezoid' needs steps >= 2, got 1"):
        tff.explain("integrated_gradients", model(), steps=1)
    with pytest.raises(InputError, match="Unknown quadrature rule 'rigth'; did you mean right"):
        tff.explain("integrated_gradients", model(), rule="rigth")
    with pytest.raises(InputError, match="samples of smoothgrad is 0; give a whole number from 1"):
        tff.explain("smoothgrad", model(), samples=0)
    with pytest.raises(
        InputError, match="noise_level of vargrad is -1; give a finite number from 0"
    ):
        tff.explain("vargrad", model(), noise_level=-1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_name_the_sample(value: float) -> None:
    x = X.copy()
    x[1, 3] = value
    with pytest.raises(InputError, match="Sample 1 of the batch has NaN or infinite values"):
        tff.explain("gradient", model())(x)


def test_wrong_input_shape() -> None:
    with pytest.raises(InputError, match=r"'rows' takes inputs of shape \(None, 6\), got \(2, 5\)"):
        tff.explain("gradient", model())(X[:, :5])


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (3, "Target 3 is no class of model 'rows', which has 3; give 0 to 2"),
        (-1, "Target -1 is no class"),
        ([0, 1, 2], "3 targets for 2 samples; give as many"),
        (0.5, "target has dtype float32"),
        ([[1, 1, 0], [0, 1, 0]], "must have one-hot rows"),
    ],
)
def test_bad_targets(target, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        tff.explain("gradient", model())(X, target=target)


def test_bad_seed_and_bad_baseline() -> None:
    with pytest.raises(InputError, match="give an int or one int for each sample"):
        tff.explain("smoothgrad", model())(X, seed=[[1, 2, 3]])
    with pytest.raises(InputError, match=r"baseline has shape \(4,\), which does not broadcast"):
        tff.explain("integrated_gradients", model(), baseline=np.zeros(4))(X)
    with pytest.raises(InputError, match="baseline has shape of a ragged list, which does not"):
        tff.explain("integrated_gradients", model(), baseline=[[1.0], [1.0, 2.0]])(X)


def test_a_tuple_is_one_inputs_baseline_or_one_for_each_input() -> None:
    row = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    one, same = (
        tff.explain("integrated_gradients", model(), baseline=baseline)
        for baseline in (row, np.array(row))
    )
    np.testing.assert_array_equal(
        baseline_like(one.method.baseline, tf.constant(X)),
        baseline_like(same.method.baseline, tf.constant(X)),
    )
    two = [tf.constant(X), tf.constant(X)]
    first, second = baseline_like((1.0, np.array(row)), two)
    np.testing.assert_array_equal(first, np.ones_like(X))
    np.testing.assert_array_equal(second, np.tile(row, (2, 1)))
    with pytest.raises(
        InputError, match=r"nested like \('.', '.', '.'\), the inputs like \['.', '"
    ):
        baseline_like((1.0, 2.0, 3.0), two)


def test_an_input_without_influence_is_refused_not_answered_with_zeros() -> None:
    x = keras.Input((6,))
    out = keras.layers.Dense(3)(keras.layers.Embedding(9, 2)(x)[:, 0])
    with pytest.raises(InputError, match=r"'embedding.*' of model .* looks up numbers that name"):
        tff.explain("gradient", keras.Model(x, out))(X)
    out = keras.layers.Dense(3)(keras.layers.Lambda(lambda x: tf.round(x))(x))
    with pytest.raises(InputError, match="do not depend on all of its inputs through differen"):
        tff.explain("gradient", keras.Model(x, out))(X)


def test_a_subclassed_model_that_hides_its_softmax_is_refused() -> None:
    class Hidden(keras.Model):
        def call(self, x):
            return tf.nn.softmax(x)

    with pytest.raises(InputError, match="returns probabilities from code"):
        tff.explain("gradient", Hidden())(X)
