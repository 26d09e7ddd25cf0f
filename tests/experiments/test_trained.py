"""Trained networks as artefacts: one key for what gives the same weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.experiments import trained, training
from tf_fragile.experiments.trained import MANIFEST, WEIGHTS, TrainedNet, trained_net
from tf_fragile.models import zoo
from tf_fragile.runs.artefacts import Store

RECIPE = training.recipe_for("mnist_mlp", steps=3, batch_size=4)


def digits(content: str = "0", size: int = 8) -> Source:
    pixels = np.random.default_rng(0).integers(0, 256, (size, 28, 28, 1)).astype(np.uint8)
    return Source(
        name="digits",
        class_names=None,
        image_shape=(28, 28, 1),
        preprocessing=PREPROCESSINGS["unit"],
        read=lambda i: Sample(pixels[i], i % 10),
        digest=lambda: content * 64,
        size=size,
    )


def net(content: str = "0", **changes: object) -> TrainedNet:
    return replace(TrainedNet(RECIPE, {"train": digits(content), "test": digits()}), **changes)


def test_it_is_trained_once_and_its_weights_are_a_network(tmp_path: Path) -> None:
    own, store = net(), Store(tmp_path)
    store.build([own], progress=False)
    store.build([net()], progress=False)
    place = store.path(own.key)
    told = json.loads((place / MANIFEST).read_text("utf-8"))
    assert told["steps_taken"] == 3 and set(told["accuracy"]) == {"train", "test"}
    model = zoo.load("mnist_mlp", weights=place / WEIGHTS)
    same = training.train_on(RECIPE, own.sources, progress=False).model
    for one, other in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_trained_again_it_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        net().build(tmp_path / name)
    for file in (WEIGHTS, MANIFEST):
        first, second = ((tmp_path / name / file).read_bytes() for name in ("a", "b"))
        assert first == second


def test_whatever_decides_the_weights_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    own = net().key
    others = [
        net("1").key,
        net(seed=1).key,
        net(options={"width": 2}).key,
        net(recipe=replace(RECIPE, steps=4)).key,
        net(recipe=replace(RECIPE, l2=0.1)).key,
    ]
    monkeypatch.setattr(trained, "versions", lambda: {})
    others.append(net().key)
    monkeypatch.undo()
    monkeypatch.setattr(trained, "device", lambda: "another")
    others.append(net().key)
    monkeypatch.undo()
    assert len({own, *others}) == len(others) + 1
    assert net().key == own


def test_price_size_and_name_are_known_before(tmp_path: Path) -> None:
    own, told = net(options={"width": 2}), []
    assert own.name == "mnist_mlp, width 2, trained for at most 3 updates"
    assert own.work.forwards == 36.0 and own.work.ticks == 3
    net().build(tmp_path, told.append)
    assert told == [1, 1, 1]
    assert net().size == 4 * zoo.load("mnist_mlp", weights="random").count_params()


def test_an_option_that_the_network_does_not_have_is_refused_before_the_data_are_read() -> None:
    with pytest.raises(InputError, match="widht"):
        trained_net(RECIPE, data_dir="nowhere", widht=2)
