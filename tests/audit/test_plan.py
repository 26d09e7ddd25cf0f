"""What a plan says beside its counts: what padding costs, and where an attack may be blind."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.probes.fragility.binding import share, without_surrogate
from tf_fragile.probes.fragility.work import padding
from tf_fragile.runs.tasks import cut

layers = keras.layers


@pytest.mark.parametrize(
    ("images", "shard", "rows", "levels", "told"),
    [
        (8, 4, 16, 4, "none"),  # two shards of one full chunk
        (2, 4, 16, 4, "50 %"),  # one chunk, half of it filled up
        (6, 4, 16, 4, "25 %"),  # a full one and a half one
        (3, 2, 4, 2, "25 %"),
        (5, 5, 3, 1, "17 %"),
    ],
)
def test_padding_is_the_share_of_rows_that_only_fill_up_chunks(
    images, shard, rows, levels, told
) -> None:
    assert share(padding(cut(range(images), shard), levels, rows)) == told


def unfollowed(join, **settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    x = keras.Input((6, 6, 3))
    h = layers.Conv2D(4, 3, activation="relu")(x)
    h = join([h, layers.Conv2D(4, 1)(h)])
    attacks = {
        "random_sign": tff.attack("top_k", k=3, optimizer="random_sign"),
        "top_k": tff.attack("top_k", k=3, **settings),
    }
    images = np.ones((1, 6, 6, 3), "float32")
    subject = SimpleNamespace(
        network=as_network(keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))),
        source=SimpleNamespace(load=lambda _: SimpleNamespace(image=images)),
        positions=np.array([0]),
    )
    return without_surrogate(subject, attacks)


def test_layers_without_a_surrogate_are_named_where_derivatives_are_followed() -> None:
    names, (sentence,) = unfollowed(layers.Maximum(name="join"))
    assert names == ("join",)
    assert "Layer 'join' has or may have a kink and no surrogate" in sentence
    assert unfollowed(layers.Add()) == ((), ())
    assert unfollowed(layers.Maximum(name="join"), optimizer="secant") == ((), ())
