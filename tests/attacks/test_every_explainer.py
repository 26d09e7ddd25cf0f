"""Every registered explainer can be attacked through the derivative of its own backward pass."""

from __future__ import annotations

from functools import lru_cache

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.backprop.patterns import estimate_patterns

RANGE = (0.0, 255.0)
layers = keras.layers
FEW = {
    "integrated_gradients": {"steps": 3, "rule": "gauss_legendre"},
    "smoothgrad": {"samples": 2, "noise_level": 0.05},
    "smoothgrad_squared": {"samples": 2, "noise_level": 0.05},
    "vargrad": {"samples": 2, "noise_level": 0.05},
    "lrp_zbox": {"low": 0.0, "high": 255.0},
    "deep_taylor": {"first": "box", "low": 0.0, "high": 255.0},
    "rectgrad": {"q": 50.0},
}
# What is left of their maps hinges on which units are largest, not on how large: few steps on a
# tiny net need not change the order of the top entries, but they have to move the map.
ORDINAL = {"rectgrad", "deconvnet"}


@lru_cache(maxsize=1)
def network() -> Network:
    keras.utils.set_random_seed(3)
    x = keras.Input((12, 12, 3))
    h = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    h = layers.MaxPooling2D(2)(h)
    h = layers.Conv2D(6, 3, padding="same", activation="relu")(h)
    return as_network(keras.Model(x, layers.Dense(3)(layers.Flatten()(h))))


@pytest.mark.parametrize("name", tff.explainers())
def test_annealed_momentum_moves_its_map_and_keeps_the_label(name, make_images) -> None:
    images = make_images(3)
    settings = FEW.get(name, {})
    if name.startswith("pattern"):
        settings = {"patterns": estimate_patterns(network(), [images])}
    explainer = tff.explain(name, network(), **settings)
    attack = tff.attack("top_k", k=20, optimizer="annealed_momentum", steps=4, grid=1.0)
    r = attack(explainer, np.round(images), epsilon=8, bounds=RANGE)
    assert r.success.any()
    assert not r.stuck.any()
    assert (r.history[..., 1:] >= r.history[..., :-1]).all()
    ok = r.success[0]
    moved = np.abs(r.map_after[0] - r.map_before).reshape(3, -1).sum(1)[ok]
    assert (moved > 1e-4).all()
    if name not in ORDINAL:
        assert r.metrics["top_k_intersection"][0][ok].mean() < 0.95
    labels = explainer.network.predict(r.perturbed[0]).numpy()
    np.testing.assert_array_equal(labels[ok], r.label[ok])
