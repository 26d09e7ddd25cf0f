"""Attacks whose derivative is that of another network: smooth, or corrected."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.derivatives.corrected import Corrected

layers, ops = keras.layers, keras.ops
RANGE = (0.0, 255.0)


def test_an_attack_runs_on_a_corrected_network(upsampling, make_images) -> None:
    explainer = tff.explain("gradient", upsampling())
    plain = tff.attack("top_k", k=20, optimizer="annealed_momentum", steps=6)
    attack = replace(plain, surrogate=Corrected(plain.surrogate))
    r = attack(explainer, make_images(3), epsilon=8, bounds=RANGE)
    random = tff.attack("top_k", k=20, optimizer="random_sign")(
        explainer, make_images(3), epsilon=8, bounds=RANGE
    )
    left = [np.nanmean(found.metrics["top_k_intersection"]) for found in (r, random)]
    assert left[0] < left[1]


def test_an_attack_with_scales_is_the_same_alone_and_among_others(net, images) -> None:
    explainer = tff.explain("lrp_zplus", net)
    attack = tff.attack("top_k", k=20, optimizer="annealed_momentum", steps=4, fixed_chunks=True)
    bright = np.clip(2 * images, 0, 255)
    alone = attack(explainer, images[:2], epsilon=4, bounds=RANGE, seed=[0, 1])
    mixed = np.concatenate([images[:2], bright[2:]])
    among = attack(explainer, mixed, epsilon=4, bounds=RANGE, seed=range(6))
    np.testing.assert_array_equal(among.perturbed[:, :2], alone.perturbed)


def _net(activation) -> keras.Model:
    keras.utils.set_random_seed(5)
    x = keras.Input((8, 8, 3))
    h = x
    for _ in range(2):
        h = activation()(layers.Conv2D(6, 3)(h))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


class _Own(layers.Layer):
    def call(self, z):
        return tf.nn.leaky_relu(z, 0.2)


WAYS = {
    "Activation(lambda)": lambda: layers.Activation(lambda z: tf.nn.leaky_relu(z, 0.2)),
    "PReLU": lambda: layers.PReLU(keras.initializers.Constant(0.2), shared_axes=[1, 2]),
    "Lambda": lambda: layers.Lambda(lambda z: tf.nn.leaky_relu(z, 0.2)),
    "ops.maximum": lambda: lambda z: ops.maximum(z, 0.2 * z),
    "a layer of one's own": _Own,
    "where": lambda: lambda z: ops.where(z > 0, z, 0.2 * z),
}


@pytest.mark.usefixtures("op_by_op")
def test_equal_functions_are_attacked_equally_or_named() -> None:
    x = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype("float32")
    attack = tff.attack("top_k", k=12, optimizer="annealed_momentum", steps=4)
    leaky = tff.explain("gradient", _net(lambda: layers.LeakyReLU(0.2)))
    known = attack(leaky, x, epsilon=0.05, bounds=(0.0, 1.0))
    assert known.success.all()
    assert not known.notes
    expected = known.metrics["top_k_intersection"]
    for name, way in WAYS.items():
        model = _net(way)
        bare = tff.attacks.without_surrogate(as_network(model), x)
        if bare:
            assert name not in ("Activation(lambda)", "PReLU")
            continue
        r = attack(tff.explain("gradient", model), x, epsilon=0.05, bounds=(0.0, 1.0))
        np.testing.assert_allclose(r.metrics["top_k_intersection"], expected, atol=0.1)
