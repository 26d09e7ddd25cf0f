from __future__ import annotations

import json

import numpy as np

from tf_fragile.data import PREPROCESSINGS, open_source
from tf_fragile.data.embedded import composite
from tf_fragile.data.source_embedded import pair_at, split_seed
from tf_fragile.models import zoo
from tf_fragile.models.zoo.embedded import WEIGHTS


def object_accuracy(scene_only: bool) -> float:
    pictures = [composite(split_seed(0, "val"), *pair_at(i)) for i in range(100)]
    pixels = np.stack([p.scene_image if scene_only else p.image for p in pictures])
    logits = np.asarray(zoo.load("embedded")(PREPROCESSINGS["centered"].forward(pixels)))
    return float(np.mean(logits.argmax(axis=1) == [p.object for p in pictures]))


def test_shipped_weights_recognise_objects_they_have_not_seen() -> None:
    assert object_accuracy(scene_only=False) >= 0.88


def test_shipped_weights_are_at_chance_without_the_object() -> None:
    assert object_accuracy(scene_only=True) <= 0.2


def test_shipped_weights_are_small_and_their_manifest_is_theirs() -> None:
    manifest = json.loads(WEIGHTS.with_name("embedded_manifest.json").read_text("utf-8"))
    source = open_source(
        "embedded/val", preprocessing=PREPROCESSINGS["centered"], image_shape=(64, 64, 3)
    )
    assert WEIGHTS.stat().st_size <= 400_000
    assert manifest["accuracy"]["test"] >= 0.88
    assert manifest["parameters"] == zoo.load("embedded").count_params()
    assert manifest["data"]["test"] == source.digest()
