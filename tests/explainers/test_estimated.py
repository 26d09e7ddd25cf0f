"""Patterns as an artefact: one key for what gives the same ones, and the same bits back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tf_fragile.backprop.network import Network, as_network
from tf_fragile.backprop.patterns import Patterns
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.explainers import estimated as module
from tf_fragile.explainers.estimated import EstimatedPatterns, estimated
from tf_fragile.runs.artefacts import Store

L = keras.layers
SIZE = 20
IMAGES = np.random.default_rng(0).uniform(0, 255, (SIZE, 6, 6, 3)).astype(np.float32)


def net(
    *,
    names: tuple[str | None, ...] = ("conv", "top"),
    batch: int | None = None,
    bias: float = 0.0,
    activation: str | None = None,
) -> Network:
    keras.utils.set_random_seed(3)
    x = keras.Input(batch_shape=(batch, 6, 6, 3))
    h = L.Conv2D(4, 3, activation="relu", name=names[0])(x)
    top = L.Dense(
        3, name=names[1], activation=activation, bias_initializer=keras.initializers.Constant(bias)
    )
    return as_network(keras.Model(x, top(L.Flatten()(h))))


def source_of(content: str = "0", preprocessing: str = "caffe") -> Source:
    return Source(
        name="tiny",
        class_names=None,
        image_shape=(6, 6, 3),
        preprocessing=PREPROCESSINGS[preprocessing],
        read=lambda i: Sample(IMAGES[i], -1),
        digest=lambda: content * 64,
        size=SIZE,
    )


def artefact(network: Network | None = None, **changes: object) -> EstimatedPatterns:
    return replace(EstimatedPatterns(source_of(), network or net(), 12, seed=4), **changes)


def bits(patterns: Patterns) -> list[bytes]:
    return [f"{n} {k.dtype} {k.shape}".encode() + k.tobytes() for n, k in patterns.kernels.items()]


def test_they_come_back_to_the_bit(tmp_path: Path) -> None:
    own, store = artefact(), Store(tmp_path)
    store.build([own], progress=False)
    back = own.read(store.path(own.key))
    expected = estimated(own.source, own.network, own.images, seed=own.seed)
    assert bits(back) == bits(expected)
    assert back == expected and (back.samples, back.estimator) == (12, "relu")


def test_names_that_keras_made_up_decide_neither_key_nor_bytes(tmp_path: Path) -> None:
    first, second = (artefact(net(names=(None, None))) for _ in range(2))
    assert first.key == second.key
    for own, place in ((first, tmp_path / "a"), (second, tmp_path / "b")):
        place.mkdir()
        own.build(place)
    assert (tmp_path / "a" / module.FILE).read_bytes() == (
        tmp_path / "b" / module.FILE
    ).read_bytes()
    back = second.read(tmp_path / "a")
    assert list(back.kernels) == list(second.read(tmp_path / "b").kernels)
    assert list(back.kernels) != list(first.read(tmp_path / "a").kernels)
    assert second.network.graph is not None
    back.check(second.network.graph, "net")


def test_whatever_decides_them_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    own = artefact()
    others = {
        "weights": artefact(net(bias=1.0)),
        "what is cut off": artefact(net(activation="softmax")),
        "batch": artefact(net(batch=4)),
        "content": artefact(source=source_of("1")),
        "preprocessing": artefact(source=source_of(preprocessing="raw")),
        "images": artefact(images=11),
        "seed": artefact(seed=5),
    }
    keys = {name: other.key for name, other in others.items()}
    monkeypatch.setattr(module, "versions", lambda: {"tf_fragile": "another"})
    keys["versions"] = artefact().key
    monkeypatch.undo()
    monkeypatch.setattr(module, "device", lambda: "another")
    keys["device"] = artefact().key
    monkeypatch.undo()
    assert len({own.key, *keys.values()}) == len(keys) + 1, keys
    assert artefact().key == own.key


def test_more_images_than_there_are_make_no_other_patterns() -> None:
    assert artefact(images=20).key == artefact(images=999).key


def test_price_and_size_are_known_before(tmp_path: Path) -> None:
    own = artefact()
    assert own.name == "patterns from 12 images" and artefact(images=1).name.endswith("1 image")
    assert own.work.forwards == 144.0 and own.work.ticks == 12
    told: list[int] = []
    own.build(tmp_path, told.append)
    assert told == [8, 4]
    kernels = 4 * (3 * 3 * 3 * 4 + 4 * 4 * 4 * 3)
    assert own.size == kernels
    assert kernels < (tmp_path / module.FILE).stat().st_size < kernels + 2000


def test_too_few_images_for_a_batch_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes 16 images each; give that many or more"):
        Store(tmp_path).build([artefact(net(batch=16))], progress=False)
    assert list(tmp_path.iterdir()) == []
