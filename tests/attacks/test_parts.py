"""Objectives, surrogates and constraints, one by one."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.constraints import Linf
from tf_fragile.attacks.objectives import MassCenter, TargetRegion, TopK
from tf_fragile.backprop.network import as_network
from tf_fragile.errors import InputError
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.metrics.readouts import read_out
from tf_fragile.surrogates import ScaledSoftplus, Softplus, relus
from tf_fragile.surrogates.stand_in import softplus

RNG = np.random.default_rng(0)
MASK = np.pad(np.ones((5, 5)), ((7, 0), (0, 7)))
OBJECTIVES = {"top_k": TopK(k=20), "mass_center": MassCenter(), "target_region": TargetRegion(MASK)}


def attack_gradient(objective, explainer, x, label, reference) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        maps = read_out(explainer.attribute(x, label, sample_seeds(0, x.shape[0])))
        value = objective.value(maps, objective.fixed(reference))
    return tape.gradient(value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_objective_gradient_matches_central_differences(name, make_net, make_images) -> None:
    objective = OBJECTIVES[name]
    explainer = tff.explain("gradient", make_net("softplus", "float64"))
    x = tf.constant(make_images(2, "float64") / 50)
    label = explainer.network.predict(x)
    reference = read_out(explainer(x, label))
    gradient = attack_gradient(objective, explainer, x, label, reference)
    direction = tf.constant(RNG.standard_normal(x.shape))

    def value(x: tf.Tensor) -> tf.Tensor:
        maps = read_out(explainer(x, label))
        return tf.reduce_sum(objective.value(maps, objective.fixed(reference)))

    h = 1e-6
    slope = (value(x + h * direction) - value(x - h * direction)) / (2 * h)
    np.testing.assert_allclose(tf.reduce_sum(direction * gradient), slope, rtol=1e-5)


def test_without_a_surrogate_a_relu_nets_attack_gradient_is_exactly_zero(net, images) -> None:
    explainer = tff.explain("gradient", net)
    x, label = tf.constant(images), explainer.network.predict(images)
    reference = read_out(explainer(x, label))
    bare = attack_gradient(TopK(k=20), explainer, x, label, reference)
    np.testing.assert_array_equal(bare, 0)
    smooth = explainer.on(Softplus().apply(explainer.network))
    helped = attack_gradient(TopK(k=20), smooth, x, label, reference)
    assert (helped.numpy() != 0).mean() > 0.99


def test_first_mass_center_step_is_not_zero_on_a_smooth_net(make_net, images) -> None:
    explainer = tff.explain("gradient", make_net("softplus"))
    x, label = tf.constant(images / 50), explainer.network.predict(images / 50)
    reference = read_out(explainer(x, label))
    assert np.abs(attack_gradient(MassCenter(), explainer, x, label, reference)).max() > 0


def test_sharp_softplus_reproduces_the_relu_maps(net, images) -> None:
    from tf_fragile.metrics.similarity import spearman

    explainer = tff.explain("gradient", net)
    label = explainer.network.predict(images)
    true = read_out(explainer(tf.constant(images), label))
    agreement = []
    for beta in (0.01, 100.0):
        stand_in = explainer.on(Softplus(beta).apply(explainer.network))
        agreement.append(
            float(tf.reduce_mean(spearman(true, read_out(stand_in(tf.constant(images), label)))))
        )
    assert agreement[1] > 0.99 > agreement[0]


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("beta", [0.5, 1.0, 20.0])
def test_softplus_and_its_derivatives(dtype, beta: float) -> None:
    z = tf.cast([-500.0, -30.0, -3.0, -0.1, 0.0, 0.1, 3.0, 30.0, 500.0], dtype)
    with tf.GradientTape() as outer:
        outer.watch(z)
        with tf.GradientTape() as inner:
            inner.watch(z)
            value = softplus(z, beta)
        slope = inner.gradient(value, z)
    curvature = outer.gradient(slope, z)
    wide = beta * np.asarray(z, np.float64)
    gate = 1 / (1 + np.exp(-np.clip(wide, -700, 700)))
    np.testing.assert_allclose(value, np.logaddexp(0, wide) / beta, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(slope, gate, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(curvature, beta * gate * (1 - gate), rtol=1e-4, atol=1e-7)


def test_surrogate_replaces_every_form_of_relu_and_shares_the_weights() -> None:
    layers = keras.layers
    x = keras.Input((6,))
    h = layers.Dense(5, activation="relu")(x)
    h = layers.ReLU(max_value=6)(layers.Dense(5)(h))
    h = layers.LeakyReLU(0.2)(layers.Dense(5)(h))
    h = layers.Dense(5, activation="tanh")(keras.ops.relu(h))
    network = as_network(keras.Model(x, layers.Dense(2)(h)))
    assert relus(network) == 4
    data = tf.constant(RNG.standard_normal((3, 6)), tf.float32)
    sharp = Softplus(1000.0).apply(network)
    np.testing.assert_allclose(sharp.logits(data), network.logits(data), atol=0.01)
    blunt = Softplus(1.0).apply(network)
    before = blunt.logits(data)
    assert not np.allclose(before, network.logits(data), atol=0.01)
    top = network.model.layers[-1]
    top.bias.assign(top.bias + 3)
    np.testing.assert_allclose(blunt.logits(data), before + 3, atol=1e-5)


def test_a_subclassed_model_has_no_surrogate() -> None:
    class Own(keras.Model):
        def call(self, x):
            return x

    for surrogate in (Softplus(), ScaledSoftplus()):
        with pytest.raises(InputError, match="has no graph to substitute in; attack it with optim"):
            surrogate.apply(as_network(Own()))


def test_projection_keeps_the_ball_and_the_range() -> None:
    start = tf.constant([[0.0, 5.0, 10.0]])
    ball = Linf(start, *(tf.constant([[value]]) for value in (2.0, 1.0, 0.0, 10.0)))
    moved = ball.project(tf.constant([[-9.0, 9.0, 11.0]]))
    np.testing.assert_array_equal(moved, [[0.0, 7.0, 10.0]])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: tff.attack("topk"), "Unknown attack objective 'topk'; did you mean top_k"),
        (lambda: tff.attack("top_k", optimizer="sgn"), "Unknown attack optimizer 'sgn'; did you"),
        (lambda: tff.attack("top_k", surrogate="relu"), "Unknown surrogate 'relu'"),
        (lambda: tff.attack("top_k", select="best"), "Unknown selection rule 'best'"),
        (lambda: tff.attack("top_k", stepsize=1), "attack setting 'stepsize'; did you mean step_s"),
        (lambda: tff.attack("top_k", steps=0), "steps of Sign is 0; give a whole number from 1"),
        (
            lambda: tff.attack("top_k", step_size=0),
            "step_size of Sign is 0; give .* in input units",
        ),
        (lambda: tff.attack("top_k", beta=-1), "beta of Softplus is -1; give"),
        (
            lambda: tff.attack("top_k", optimizer="random_sign", mode="run"),
            "'run'; known: one_shot, walk",
        ),
        (
            lambda: tff.attack("top_k", optimizer="random_sign", steps=9),
            "1 step, not steps=9",
        ),
    ],
)
def test_bad_settings(make, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        make()


@pytest.mark.parametrize("epsilon", [0, -1, [1, 0], float("nan"), []])
def test_radii_must_be_positive(epsilon, net, images) -> None:
    with pytest.raises(InputError, match="epsilon must be positive"):
        tff.attack("top_k", k=5)(
            tff.explain("gradient", net), images, epsilon=epsilon, bounds=(0, 255)
        )


def test_data_that_does_not_fit(net, images) -> None:
    explainer = tff.explain("gradient", net)
    with pytest.raises(InputError, match="k=145 does not fit a map of 12 x 12 = 144 entries"):
        tff.attack("top_k", k=145)(explainer, images, epsilon=1, bounds=(0, 255))
    with pytest.raises(InputError, match="outside the valid range 0 to 1; give inputs in model"):
        tff.attack("top_k", k=5)(explainer, images, epsilon=1, bounds=(0, 1))
    with pytest.raises(InputError, match="needs mask="):
        tff.attack("target_region")(explainer, images, epsilon=1, bounds=(0, 255))
    with pytest.raises(InputError, match=r"target region has shape \(3, 3\), the maps have"):
        tff.attack("target_region", mask=np.ones((3, 3)))(
            explainer, images, epsilon=1, bounds=(0, 255)
        )
    with pytest.raises(InputError, match="target region is empty"):
        tff.attack("target_region", mask=np.zeros((12, 12)))(
            explainer, images, epsilon=1, bounds=(0, 255)
        )
