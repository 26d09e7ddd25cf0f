"""Attacks on networks whose derivatives had to be corrected first."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.kinds import kind_of
from tf_fragile.backprop.network import as_network
from tf_fragile.derivatives.corrected import Corrected
from tf_fragile.derivatives.corrections import correct_derivatives
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.surrogates import NoSurrogate, ScaledSoftplus

layers = keras.layers


def normalised() -> keras.Model:
    keras.utils.set_random_seed(5)
    x = keras.Input((12, 12, 3))
    h = layers.Conv2D(4, 1, activation="tanh")(layers.Rescaling(1 / 50)(x))
    h = layers.Conv2D(5, 3, activation="tanh")(layers.LayerNormalization()(h))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


def test_corrected_operations_are_of_the_kind_of_what_they_stand_for(upsampling) -> None:
    before = as_network(upsampling())
    after = correct_derivatives(before)
    kinds = [[kind_of(node) for node in net.graph.nodes] for net in (before, after)]
    assert kinds[0] == kinds[1]
    assert any(a is not b for a, b in zip(before.graph.nodes, after.graph.nodes, strict=True))


@pytest.mark.parametrize("name", ["gradient", "lrp_epsilon", "lrp_zplus", "guided_backprop"])
def test_maps_of_the_corrected_network_are_those_of_the_network(
    upsampling, name, make_images
) -> None:
    network = as_network(upsampling())
    x = make_images(2)
    plain = tff.explain(name, network)(x, target=1)
    corrected = tff.explain(name, correct_derivatives(network))(x, target=1)
    np.testing.assert_allclose(corrected, plain, rtol=1e-3, atol=1e-4 * np.abs(plain).max())


def test_the_correction_changes_what_an_attack_follows(make_images) -> None:
    """Without it, the derivative of a map through layer normalisation points elsewhere."""
    network = as_network(normalised())
    x = tf.constant(make_images(2))
    target, seeds = network.predict(x), sample_seeds(0, 2)
    smooth = ScaledSoftplus(1.0, 1.0)

    def slope(surrogate) -> np.ndarray:
        explainer = tff.explain("gradient", surrogate.apply(network))

        @tf.function
        def run(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = tf.reduce_sum(tf.square(explainer.attribute(x, target, seeds)))
            return tape.gradient(value, x)

        return run(x).numpy().ravel()

    wrong, right = slope(smooth), slope(Corrected(smooth))
    cosine = wrong @ right / np.linalg.norm(wrong) / np.linalg.norm(right)
    assert cosine < 0.999
    again = slope(Corrected(smooth))
    np.testing.assert_array_equal(right, again)


def test_a_surrogate_without_scales_has_none_when_corrected(upsampling, make_images) -> None:
    network = as_network(upsampling())
    assert Corrected(NoSurrogate()).scales(network, tf.constant(make_images(1))) == ()
