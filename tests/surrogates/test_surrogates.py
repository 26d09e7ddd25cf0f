"""Surrogates: the scaled softplus and what rules make of a smooth stand-in."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.explainers.contract import total
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.surrogates import ScaledSoftplus, Softplus


def test_sharpness_is_relative_to_each_layers_numbers_and_grows_geometrically(net, images) -> None:
    network, surrogate = as_network(net), ScaledSoftplus(10.0, 1000.0)
    x = tf.constant(images)
    stand_in, scales = surrogate.apply(network), surrogate.scales(network, x)
    first = net.layers[1]
    z = keras.ops.conv(x, first.kernel, padding="same") + first.bias
    rms = np.sqrt(np.mean(np.square(z), axis=(1, 2, 3)))
    np.testing.assert_allclose(scales[0][:, 0, 0, 0], rms, rtol=1e-5)
    assert [scale.shape for scale in scales] == [(6, 1, 1, 1)] * 3

    relu = next(
        n for n in stand_in.graph.nodes if getattr(n.operation, "kind", "") == "smooth_relu"
    )
    at_zero = tf.zeros_like(z)
    for progress, c in ((0.0, 10.0), (0.5, 100.0), (1.0, 1000.0)):
        with surrogate.at(tf.constant(progress), scales):
            value = relu.operation(at_zero)  # softplus(0) = log 2 / beta
        np.testing.assert_allclose(value[:, 0, 0, 0], np.log(2) * rms / c, rtol=1e-4)
    np.testing.assert_allclose(relu.operation(at_zero), np.log(2) / 1000, rtol=1e-4)


def test_a_scaled_surrogate_of_a_layer_that_is_silent_is_finite() -> None:
    x = keras.Input((4,))
    hidden = keras.layers.Dense(3, activation="relu", kernel_initializer="zeros")(x)
    network = as_network(keras.Model(x, keras.layers.Dense(2)(hidden)))
    surrogate = ScaledSoftplus()
    inputs = tf.ones((2, 4))
    with surrogate.at(tf.constant(0.5), surrogate.scales(network, inputs)):
        assert np.isfinite(surrogate.apply(network).logits(inputs)).all()


@pytest.mark.parametrize("name", ["deeplift_rescale", "deeplift_reveal_cancel"])
def test_deeplift_stays_complete_on_a_scaled_surrogate(name, net, images) -> None:
    """Input and reference have to pass the same functions."""
    network, surrogate = as_network(net), ScaledSoftplus(1.0, 10.0)
    explainer = tff.explain(name, surrogate.apply(network), reference=50.0)
    x = tf.constant(images)
    target = network.predict(x)
    with surrogate.at(tf.constant(0.0), surrogate.scales(network, x)):
        maps = explainer.attribute(x, target, sample_seeds(0, 6))
        ends = [explainer.network.score(t, target) for t in (x, tf.fill(x.shape, 50.0))]
    due = ends[0] - ends[1]
    np.testing.assert_allclose(total(maps), due, rtol=1e-3, atol=1e-3 * np.abs(due).max())


@pytest.mark.parametrize("beta", [0.05, 1.0, 1000.0])
def test_lrp_zero_of_a_stand_in_is_its_gradient_times_input(beta, make_net, make_images) -> None:
    """As on a ReLU network; passed on unchanged, relevance would blow up where z is near zero."""
    net = make_net("relu", "float64")
    for layer in net.layers:
        if layer.weights:
            layer.bias.assign(np.zeros(layer.bias.shape))
    smooth = Softplus(beta).apply(as_network(net))
    x = tf.constant(make_images(2, "float64") / 50)
    relevance = tff.explain("lrp_zero", smooth)(x, target=1)
    expected = tff.explain("gradient_x_input", smooth)(x, target=1)
    np.testing.assert_allclose(relevance, expected, rtol=1e-6, atol=1e-9)
    true = tff.explain("lrp_zero", net)(x, target=1)
    if beta == 1000.0:
        assert np.abs(relevance - true).max() < 0.05 * np.abs(true).max()


def test_a_users_own_softplus_passes_relevance_unchanged(make_net, make_images) -> None:
    explainer = tff.explain("lrp_zero", make_net("softplus", "float64"))
    x = tf.constant(make_images(2, "float64") / 50)
    gap = explainer.gap(x, target=1)
    own = tff.explain("gradient_x_input", explainer.network)(x, target=1)
    assert np.abs(explainer(x, target=1) - own).max() > 1e-3 * np.abs(own).max()
    assert np.isfinite(gap).all()
