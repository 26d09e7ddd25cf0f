"""What a plan says beside its counts: what padding costs, and where an attack may be blind."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.audit.plan import _padding, _share, _unfollowed
from tf_fragile.audit.settings import AuditSettings
from tf_fragile.backprop.network import as_network

layers = keras.layers


@pytest.mark.parametrize(
    ("images", "shard", "rows", "levels", "share"),
    [
        (8, 4, 16, 4, "none"),  # two shards of one full chunk
        (2, 4, 16, 4, "50 %"),  # one chunk, half of it filled up
        (6, 4, 16, 4, "25 %"),  # a full one and a half one
        (3, 2, 4, 2, "25 %"),
        (5, 5, 3, 1, "17 %"),
    ],
)
def test_padding_is_the_share_of_rows_that_only_fill_up_chunks(
    images, shard, rows, levels, share
) -> None:
    radii = tuple(float(i + 1) for i in range(levels))
    settings = AuditSettings(shard_size=shard, rows=rows, epsilon=radii)
    assert _share(_padding(images, levels, SimpleNamespace(settings=settings))) == share


def subject(join, **settings) -> SimpleNamespace:
    x = keras.Input((6, 6, 3))
    h = layers.Conv2D(4, 3, activation="relu")(x)
    h = join([h, layers.Conv2D(4, 1)(h)])
    attack = tff.attack("top_k", k=3, **settings)
    control = tff.attack("top_k", k=3, optimizer="random_sign")
    images = np.ones((1, 6, 6, 3), "float32")
    return SimpleNamespace(
        network=as_network(keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))),
        probe=SimpleNamespace(attacks={"random_sign": control, "top_k": attack}),
        source=SimpleNamespace(load=lambda _: SimpleNamespace(image=images)),
        positions=np.array([0]),
    )


def test_layers_without_a_surrogate_are_named_where_derivatives_are_followed() -> None:
    names, (sentence,) = _unfollowed(subject(layers.Maximum(name="join")))
    assert names == ("join",)
    assert "Layer 'join' has or may have a kink and no surrogate" in sentence
    assert _unfollowed(subject(layers.Add())) == ((), ())
    blind = subject(layers.Maximum(name="join"), optimizer="secant")
    assert _unfollowed(blind) == ((), ())
