from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.data import PREPROCESSINGS, Preprocessing, Reading, open_source
from tf_fragile.models import zoo

BGR = PREPROCESSINGS["squeezenet_v1.0"]
RGB = replace(BGR, name="squeezenet_v1.0 in RGB", order="rgb", mean=BGR.mean[::-1])


def hits(root: Path, preprocessing: Preprocessing, every: int) -> np.ndarray:
    """Whether the largest logit is the label's, for one in `every` of the sample images."""
    source = open_source(
        f"folder:{root / 'imagenet_sample'}",
        preprocessing=preprocessing,
        image_shape=(227, 227, 3),
        reading=Reading.evaluated(zoo.entry("squeezenet_v1.0").short_side),
    )
    assert len(source) == 600 and not source.skipped
    model = zoo.load("squeezenet_v1.0", weights=root / "squeezenet_v1.0_imagenet.npz")
    predict = tf.function(lambda x: tf.argmax(model(x, training=False), axis=-1))
    found = []
    for part in np.arange(0, len(source), every).reshape(-1, 50):
        batch = source.load(part)
        found.append(predict(tf.constant(batch.image)).numpy() == batch.label)
    return np.concatenate(found)


@pytest.fixture(scope="module")
def right(shared_data: Path) -> np.ndarray:
    return hits(shared_data, BGR, every=3)


def test_squeezenet_gets_as_many_sample_images_right_as_it_always_has(right: np.ndarray) -> None:
    # Of all 600, which take a minute, as many: 63.2 % were measured on 1000 such images with the
    # weights' own framework. Rounding may turn one on another processor.
    assert abs(int(right.sum()) - 136) <= 1
    assert len(right) == 200


def test_swapped_channels_cost_accuracy(shared_data: Path, right: np.ndarray) -> None:
    assert hits(shared_data, RGB, every=6).mean() < right[::2].mean() - 0.1
