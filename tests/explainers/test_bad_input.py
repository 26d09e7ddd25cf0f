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
        (0.5, "target is 0.5; give an int, one int for each sample, or one-hot rows."),
        (True, "target is True; give an int"),
        ("cat", "target is 'cat'; give an int"),
        (2**40, "target is 1099511627776, which 32 bits don't hold; give an int"),
        (np.array([2**40, 0]), "target is an array of shape .2,., which 32 bits don't hold"),
        (np.uint64(2**63), "which 32 bits don't hold"),
        ([0.0, 1.0], r"target is \[0.0, 1.0\]; give an int"),
        (np.eye(3)[:1], "1 targets for 2 samples; give as many"),
        (np.eye(4)[:2], "one-hot target has 4 columns, and model 'rows' has 3 classes"),
        ([[0], [1, 2]], r"target is \[\[0\], \[1, 2\]\]; give an int"),
        ([[1, 1, 0], [0, 1, 0]], "must have one-hot rows"),
    ],
)
def test_bad_targets(target, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        tff.explain("gradient", model())(X, target=target)


@pytest.mark.parametrize(
    ("seed", "sentence"),
    [
        (1.5, "seed is 1.5; give an int or one int for each sample."),
        (True, "seed is True; give an int"),
        (None, "seed is None; give an int"),
        ("7", "seed is '7'; give an int"),
        (2**40, "seed is 1099511627776, which 32 bits don't hold; give an int"),
        ([1, 2, 3], "3 seeds for 2 samples; give as many, or one int."),
    ],
)
def test_bad_seeds(seed, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        tff.explain("smoothgrad", model(), samples=1)(X, seed=seed)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (None, "The inputs for model 'rows' are None; give arrays of numbers."),
        ("pixels", "The inputs for model 'rows' are .*; give arrays of numbers."),
        (X * 1j, "The inputs for model 'rows' are of dtype complex64; give arrays of numbers."),
        (X[:0], "The batch is empty; give at least one sample."),
        (5, r"takes inputs of shape \(None, 6\), got \(\)"),
    ],
)
def test_inputs_that_are_no_numbers(x, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        tff.explain("gradient", model())(x)


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("integrated_gradients", {"steps": "abc"}, "steps of integrated_gradients is 'abc'; give"),
        ("integrated_gradients", {"steps": 10**9}, "give a whole number from 1 to 100,000."),
        ("integrated_gradients", {"baseline": "a"}, "baseline of .* is 'a'; give finite numbers."),
        (
            "integrated_gradients",
            {"rule": "gauss_legendre", "steps": 5000},
            "'gauss_legendre' takes at most 1,000 steps, .*, got 5,000; give fewer.",
        ),
        ("grad_cam", {"relu": "False"}, "relu of grad_cam is 'False'; give True or False."),
        ("smoothgrad", {"statistic": "foo"}, "Unknown statistic 'foo'; known: mean, mean_square"),
        ("smoothgrad", {"base": 3}, "base of SmoothGrad is 3; give the name of an explainer"),
        ("smoothgrad", {"base": "gradeint"}, "Unknown explainer 'gradeint'; did you mean gradient"),
        ("lrp_epsilon", {"epsilon": float("nan")}, "epsilon of lrp_epsilon is nan; give a finite"),
        ("lrp_epsilon", {"bias": "no"}, "bias of lrp_epsilon is 'no'; give True or False."),
        ("lrp_alpha_beta", {"alpha": 3.0}, "needs alpha - beta = 1, got alpha = 3.0 and beta = 1"),
        ("lrp_zero", {"add_clip": True}, "add_clip clips the shares of residual='alpha_beta' and"),
        (
            "excitation_backprop",
            {"contrastive": 1},
            "contrastive of excitation_backprop is 1; give",
        ),
        ("deeplift_rescale", {"references": 3}, "references of DeepLIFT is 3; give an array of"),
        (
            "deeplift_rescale",
            {"reference": 1.0, "references": np.zeros((2, 6))},
            "Both reference and references of DeepLIFT were given, and only one is used",
        ),
    ],
)
def test_settings_that_can_not_be(name: str, settings: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        tff.explain(name, model(), **settings)


@pytest.mark.parametrize("name", [None, 3, ["gradient"], ""])
def test_a_name_that_is_no_name(name) -> None:
    with pytest.raises(InputError, match=r"Unknown explainer .*; known: deconvnet"):
        tff.explain(name, model())


def test_bad_seed_and_bad_baseline() -> None:
    with pytest.raises(InputError, match="give an int or one int for each sample"):
        tff.explain("smoothgrad", model())(X, seed=[[1, 2, 3]])
    with pytest.raises(InputError, match=r"baseline has shape \(4,\), which does not broadcast"):
        tff.explain("integrated_gradients", model(), baseline=np.zeros(4))(X)
    with pytest.raises(InputError, match=r"baseline has shape \(2, 1, 6\), which does not"):
        tff.explain("integrated_gradients", model(), baseline=np.zeros((2, 1, 6)))(X)
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
