"""Every registered explainer can be attacked through the derivative of its own backward pass."""

from __future__ import annotations

from functools import lru_cache

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.explainers.catalog import EXPLAINERS, settings_of
from tf_fragile.explainers.needs import FromData, filled

RANGE = (0.0, 255.0)
layers = keras.layers
OWN = {
    "deep_taylor": {"first": "box"},
    "rectgrad": {"q": 50.0},  # of a tiny layer the 98th percentile is the largest
}


@lru_cache(maxsize=1)
def network() -> Network:
    keras.utils.set_random_seed(3)
    x = keras.Input((12, 12, 3))
    h = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    h = layers.MaxPooling2D(2)(h)
    h = layers.Conv2D(6, 3, padding="same", activation="relu")(h)
    return as_network(keras.Model(x, layers.Dense(3)(layers.Flatten()(h))))


def data_of(images: np.ndarray) -> FromData:
    source = Source(
        name="tiny",
        class_names=None,
        image_shape=(12, 12, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda i: Sample(images[i], -1),
        digest=lambda: "0" * 64,
        size=len(images),
    )
    return FromData(source, network())


@pytest.mark.parametrize("name", tff.explainers())
def test_annealed_momentum_moves_its_map_and_keeps_the_label(name, make_images) -> None:
    images = make_images(3)
    entry = EXPLAINERS[name]
    few = entry.few(3) | ({"noise_level": 0.05} if "noise_level" in settings_of(name) else {})
    settings = filled(entry, few | OWN.get(name, {}), data_of(images))
    explainer = tff.explain(name, network(), **settings)
    attack = tff.attack("top_k", k=20, optimizer="annealed_momentum", steps=4, grid=1.0)
    r = attack(explainer, np.round(images), epsilon=8, bounds=RANGE)
    assert r.success.any()
    assert not r.stuck.any()
    assert (r.history[..., 1:] >= r.history[..., :-1]).all()
    ok = r.success[0]
    moved = np.abs(r.map_after[0] - r.map_before).reshape(3, -1).sum(1)[ok]
    assert (moved > 1e-4).all()
    # Where only which units are largest counts, few steps on a tiny net need not change the order
    # of the top entries, but they have to move the map.
    if not entry.ordinal:
        assert r.metrics["top_k_intersection"][0][ok].mean() < 0.95
    labels = explainer.network.predict(r.perturbed[0]).numpy()
    np.testing.assert_array_equal(labels[ok], r.label[ok])
