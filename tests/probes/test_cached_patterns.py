"""Patterns from a cache, cold or warm, or estimated without one: the same bytes of records."""

from __future__ import annotations

from pathlib import Path

import keras

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.data.source import Source
from tf_fragile.explainers.catalog import EXPLAINERS
from tf_fragile.explainers.needs import FromData, filled
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.running import run
from tf_fragile.runs.artefacts import Store
from tf_fragile.testing import tiny_source


def plain_net() -> keras.Model:
    keras.utils.set_random_seed(2)
    x = keras.Input((8, 8, 3))
    h = keras.layers.Conv2D(4, 3, activation="relu")(x)
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(h)))


def records(out: Path, model: keras.Model, source: Source, store: Store | None) -> list[bytes]:
    network = as_network(model)
    data = FromData(source, network, images=4, store=store)
    settings = filled(EXPLAINERS["pattern_net"], {}, data)
    probe = FragilityProbe(
        explainers={"pattern_net": tff.explain("pattern_net", network, **settings)},
        source=source,
        attacks={"top_k": tff.attack("top_k", k=10, steps=1, rows=4)},
        epsilon=(4.0,),
        limits=source.range,
    )
    run(
        out,
        [probe],
        source,
        range(2),
        model=model,
        seed=0,
        settings={},
        settings_of={probe.name: {}},
        command=["toy"],
        size=2,
        progress=False,
    )
    return [path.read_bytes() for path in sorted(out.glob("records/*/*"))]


def test_a_cache_changes_no_byte_of_the_records(tmp_path: Path) -> None:
    source, store = tiny_source(), Store(tmp_path / "cache")
    # Keras gives the layers of each other names, as another process may.
    found = [
        records(tmp_path / name, plain_net(), source, given)
        for name, given in (("estimated", None), ("cold", store), ("warm", store))
    ]
    assert len(found[0]) == 1 and found[0] == found[1] == found[2]
    assert len(list(store.directory.glob("patterns-*"))) == 1
