"""What the relevance methods refuse, in one sentence that names the layer or the value."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.errors import InputError, UnsupportedLayerError

L = keras.layers
ROWS = np.ones((2, 6, 4), np.float32)


def around(layer: keras.Layer) -> keras.Model:
    x = keras.Input((6, 4))
    h = L.Dense(4, activation="relu")(x)
    h = layer(h, h) if isinstance(layer, L.MultiHeadAttention) else layer(h)
    return keras.Model(x, L.Dense(2)(L.Flatten()(h)))


class Mine(L.Dense):
    """Does something else in its call."""

    def call(self, x):
        return tf.square(super().call(x))


RELEVANCE = ["lrp_epsilon", "lrp_flat", "deep_taylor", "excitation_backprop"]
RECTIFIED = ["guided_backprop", "deconvnet", "rectgrad"]


@pytest.mark.parametrize("name", [*RELEVANCE, *RECTIFIED])
@pytest.mark.parametrize(
    "layer",
    [
        L.LayerNormalization(name="odd"),
        L.MultiHeadAttention(1, 2, name="odd"),
        L.LSTM(3, name="odd"),
        L.Activation("softmax", name="odd"),
        L.Lambda(lambda x: x * tf.reduce_max(x, -1, keepdims=True), name="odd"),
        Mine(3, name="odd"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_without_a_rule_are_named(name: str, layer: keras.Layer) -> None:
    with pytest.raises(UnsupportedLayerError, match=f"{name} has no rule for layer 'odd' .*; use"):
        tff.explain(name, around(layer))(ROWS)


@pytest.mark.parametrize("name", [*RECTIFIED, "deep_taylor"])
@pytest.mark.parametrize("kind", ["gelu", "tanh", "leaky_relu"])
def test_activations_that_are_no_relu_are_refused_where_the_method_needs_one(name, kind) -> None:
    model = around(L.Dense(3, activation=kind, name="curved"))
    with pytest.raises(
        UnsupportedLayerError,
        match=rf"{name} has no rule for layer 'curved' \({kind}.: it is no ReLU",
    ):
        tff.explain(name, model)(ROWS)
    tff.explain("lrp_epsilon", model)(ROWS)


def test_a_subclassed_model_is_refused() -> None:
    class Custom(keras.Model):
        def call(self, x):
            return 9 * x[:, 0] - 5

    for name in ("lrp_epsilon", "guided_backprop"):
        with pytest.raises(InputError, match=f"is subclassed and has no graph for {name} to"):
            tff.explain(name, Custom())(ROWS)


def test_settings_out_of_range() -> None:
    model = around(L.ReLU())
    for name, settings, sentence in (
        ("lrp_alpha_beta", {"alpha": 2, "beta": 2}, "needs alpha - beta = 1"),
        ("lrp_alpha_beta", {"alpha": 0.5, "beta": -0.5}, "alpha of lrp_alpha_beta is 0.5; give"),
        (
            "lrp_alpha_beta",
            {"bias": "spilt"},
            "Unknown bias convention 'spilt'; did you mean",
        ),
        ("lrp_epsilon", {"epsilon": -1}, "epsilon of lrp_epsilon is -1; give a finite"),
        ("lrp_gamma", {"gamma": -1}, "gamma of lrp_gamma is -1; give a finite"),
        ("lrp_zero", {"head": "logitz"}, "Unknown head 'logitz'; did you mean logit"),
        ("lrp_zero", {"first": "boxed"}, "Unknown first-layer rule 'boxed'; did you mean box"),
        ("lrp_zero", {"batch_norm": "folded"}, "Unknown batch-norm treatment 'folded'; did you"),
        ("lrp_zero", {"residual": "alpha_beta"}, "lrp_zero has no αβ rule to share a residual"),
        ("lrp_zero", {"low": 0}, "needs the bounds of the input, low and high, and no other"),
        ("lrp_zbox", {"low": 0}, "needs the bounds of the input"),
        ("lrp_zbox", {}, "needs the bounds of the input"),
        ("lrp_epsilon", {"epsilom": 1}, "'epsilom'; did you mean epsilon"),
        ("rectgrad", {"q": 101}, "q of rectgrad is 101; give .* 0 to 100"),
        ("guided_backprop", {"head": "two"}, "Unknown head 'two'"),
    ):
        with pytest.raises(InputError, match=sentence):
            tff.explain(name, model, **settings)


def test_inputs_outside_the_bounds_of_zbox_name_the_sample() -> None:
    explainer = tff.explain("lrp_zbox", around(L.ReLU()), low=0.0, high=2.0)
    outside = ROWS.copy()
    outside[1, 2, 3] = 2.5
    explainer(ROWS)
    with pytest.raises(InputError, match=r"Sample 1 of the batch has the value 2\.5, outside"):
        explainer(outside)


def test_bounds_that_cant_be_followed_to_the_first_layer_are_refused() -> None:
    x = keras.Input((4,))
    model = keras.Model(x, L.Dense(2)(L.Multiply(name="square")([x, x])))
    with pytest.raises(
        UnsupportedLayerError,
        match=r"z\^B rule of lrp_zbox has no rule for layer 'square'",
    ):
        tff.explain("lrp_zbox", model, low=0, high=1)(np.ones((1, 4), np.float32))


def test_bounds_go_through_preprocessing_and_padding() -> None:
    inner = [L.ZeroPadding2D(1), L.Conv2D(3, 3, activation="relu"), L.Flatten(), L.Dense(2)]
    bare = keras.Sequential([keras.Input((5, 5, 2)), *inner])
    scaled = keras.Sequential([keras.Input((5, 5, 2)), L.Rescaling(-1 / 255, 1.0), *inner])
    x = np.random.default_rng(0).uniform(0, 255, (2, 5, 5, 2)).astype(np.float32)
    a = tff.explain("lrp_zbox", scaled, low=0, high=255)(x, target=0)
    b = tff.explain("lrp_zbox", bare, low=0, high=1)(1 - x / 255, target=0)
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    gap = tff.explain("lrp_zbox", scaled, low=0, high=255, head="one").gap(x)
    np.testing.assert_allclose(gap, 0, atol=1e-4)


def test_a_map_that_overflows_is_refused_not_returned() -> None:
    model = around(L.ReLU())
    model.set_weights([1e20 * np.abs(w) for w in model.get_weights()])
    with pytest.raises(InputError, match=r"gradient_x_input map of sample 0 .* overflows float32"):
        tff.explain("gradient_x_input", model)(1e15 * np.abs(ROWS) + 1e15)
