"""What a plan says beside its counts: what padding costs, and where an attack may be blind."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.audit.plan import _share, _unfollowed
from tf_fragile.audit.subject import _bare
from tf_fragile.backprop.network import as_network
from tf_fragile.probes.fragility.work import padding
from tf_fragile.runs.tasks import cut

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
    assert _share(padding(cut(range(images), shard), levels, rows)) == share


def subject(join, **settings) -> SimpleNamespace:
    x = keras.Input((6, 6, 3))
    h = layers.Conv2D(4, 3, activation="relu")(x)
    h = join([h, layers.Conv2D(4, 1)(h)])
    attack = tff.attack("top_k", k=3, **settings)
    control = tff.attack("top_k", k=3, optimizer="random_sign")
    images = np.ones((1, 6, 6, 3), "float32")
    network = as_network(keras.Model(x, layers.Dense(3)(layers.Flatten()(h))))
    attacks = {"random_sign": control, "top_k": attack}
    source = SimpleNamespace(load=lambda _: SimpleNamespace(image=images))
    positions = np.array([0])
    return SimpleNamespace(
        network=network,
        probe=SimpleNamespace(attacks=attacks),
        source=source,
        positions=positions,
        bare=_bare(network, attacks, source, positions),
    )


def test_layers_without_a_surrogate_are_named_where_derivatives_are_followed() -> None:
    found = subject(layers.Maximum(name="join"))
    (sentence,) = _unfollowed(found)
    assert found.bare == ("join",)
    assert "Layer 'join' has or may have a kink and no surrogate" in sentence
    assert _unfollowed(subject(layers.Add())) == ()
    blind = subject(layers.Maximum(name="join"), optimizer="secant")
    assert _unfollowed(blind) == ()
