"""Maps have the shape of their input, whatever constants broadcast on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.errors import InputError

L = keras.layers
RNG = np.random.default_rng(0)
C3 = np.array([0.3, 0.5, 0.2], "float32")
ROW = np.linspace(-1, 1, 6).astype("float32")

WIDER: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "grey times three": ((8, 8, 1), lambda i: i * C3),
    "grey plus three": ((8, 8, 1), lambda i: i + C3),
    "one number minus six": ((1,), lambda i: i - ROW),
    "one over six": ((1,), lambda i: i / (2 + ROW)),
    "a row times a column": ((5, 1), lambda i: i * ROW),
    "constant first": ((1,), lambda i: keras.ops.multiply(C3, i)),
    "scalar": ((6,), lambda i: 2.0 * i - 1.0),
    "a constant image": ((8, 8, 1), lambda i: i + RNG.normal(size=(8, 8, 3)).astype("float32")),
    "gate of one channel": ((8, 8, 3), lambda i: i * L.Dense(1, activation="sigmoid")(i)),
    "added mean": ((6, 4), lambda i: i + keras.ops.mean(i, axis=1, keepdims=True)),
}
METHODS = (
    *("lrp_epsilon", "lrp_zplus", "lrp_gamma", "lrp_flat", "lrp_cmp", "deep_taylor"),
    *("excitation_backprop", "deeplift_rescale", "deeplift_reveal_cancel", "guided_backprop"),
    *("gradient", "integrated_gradients"),
)


@pytest.mark.parametrize("name", WIDER)
def test_every_map_has_the_shape_of_its_input(name: str) -> None:
    shape, wide = WIDER[name]
    i = keras.Input(shape)
    h = L.Dense(4, activation="relu")(wide(i))
    model = keras.Model(i, L.Dense(3)(L.Flatten()(h) if len(h.shape) > 2 else h))
    x = RNG.uniform(0.1, 1, (2, *shape)).astype("float32")
    network, refused = as_network(model), 0
    for method in METHODS:
        try:
            maps = tff.explain(method, network)(x, 1)
        except InputError:  # a gate by a sigmoid is no ReLU to guided backprop
            refused += 1
            continue
        assert maps.shape == x.shape, method
        assert np.isfinite(maps).all(), method
    assert refused <= 3


def test_relevance_is_summed_over_what_was_broadcast() -> None:
    i = keras.Input((1,))
    model = keras.Model(i, L.Dense(2, use_bias=False)(i * C3))
    kernel = model.layers[-1].kernel.numpy()
    x = np.array([[2.0], [-1.0]], "float32")
    expected = x * (C3 @ kernel)[1]
    for method in ("lrp_epsilon", "lrp_zero", "deeplift_rescale", "integrated_gradients"):
        np.testing.assert_allclose(tff.explain(method, model)(x, 1), expected, rtol=1e-4)


def test_a_map_of_another_shape_is_never_returned() -> None:
    class Wide:
        evaluations = 1

        def attribute(self, network: Any, x: Any, target: Any, seed: Any) -> Any:
            return tf.concat([x, x], -1)

    i = keras.Input((4,))
    network = as_network(keras.Model(i, L.Dense(2)(i)))
    explainer = tff.explainers.Explainer("wide", Wide(), network)
    with pytest.raises(InputError, match=r"The wide map of model .* came out in the shape"):
        explainer(np.ones((2, 4), "float32"), 1)
