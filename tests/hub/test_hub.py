"""Backbones of KerasHub, where it is installed: `pip install -e '.[test,hub]'`."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff

# Skipped even in CI, whose environment doesn't have it: it is an extra, and large.
if importlib.util.find_spec("keras_hub") is None:
    pytest.skip("needs KerasHub, the extra `hub`", allow_module_level=True)

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
with warnings.catch_warnings():  # others' plans for their own future
    warnings.simplefilter("ignore")
    from designs import hub_images, hub_texts
    from designs.design import Design, livened, noise
    from designs.oracle import Oracle, distance, make_oracle

DESIGNS = {design.name: design for design in (*hub_images.DESIGNS, *hub_texts.DESIGNS)}
BACKBONES = ("DenseNet (KerasHub)", "ViT (KerasHub)", "BERT, embedded (KerasHub)")


def _oracle(design: Design) -> Oracle:
    pair = livened(design)
    return make_oracle(pair, noise(pair.model, design.low, design.high))


@pytest.mark.parametrize("name", BACKBONES)
def test_gradient_is_that_of_keras(name: str) -> None:
    oracle = _oracle(DESIGNS[name])
    maps = tff.explain("gradient", oracle.pair.model)(oracle.x)
    assert distance(maps, oracle.here) < 1e-3


@pytest.mark.parametrize("name", BACKBONES)
def test_label_is_that_of_the_users_model(name: str) -> None:
    oracle = _oracle(DESIGNS[name])
    network = tff.explain("gradient", oracle.pair.model).network
    np.testing.assert_array_equal(network.predict(tf.constant(oracle.x)), oracle.label)


def test_token_ids_are_refused() -> None:
    oracle = _oracle(DESIGNS["GPT2, token ids (KerasHub)"])
    with pytest.raises(tff.InputError, match="explain the model behind"):
        tff.explain("gradient", oracle.pair.model)(oracle.x)
