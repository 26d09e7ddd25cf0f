"""Rewritten layers compute what the user's do, read weights late and have right derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.derivatives import correct_derivatives, trust, trusted
from tf_fragile.derivatives.compare import FLOAT64, RIGHT, compare, derivatives_of
from tf_fragile.derivatives.corrections import corrected_layers
from tf_fragile.errors import InputError

L = keras.layers
LRN = tf.nn.local_response_normalization

LAYERS: dict[str, Callable[..., L.Layer]] = {
    "layer norm": lambda **kw: L.LayerNormalization(**kw),
    "layer norm of all axes": lambda **kw: L.LayerNormalization(axis=(1, 2, 3), **kw),
    "layer norm of rows": lambda **kw: L.LayerNormalization(axis=1, epsilon=0.2, **kw),
    "layer norm without weights": lambda **kw: L.LayerNormalization(
        center=False, scale=False, **kw
    ),
    "group norm": lambda **kw: L.GroupNormalization(2, **kw),
    "group norm of rows": lambda **kw: L.GroupNormalization(3, axis=1, scale=False, **kw),
    "instance norm": lambda **kw: L.GroupNormalization(-1, center=False, epsilon=0.1, **kw),
    "bilinear": lambda **kw: L.UpSampling2D((2, 3), interpolation="bilinear", **kw),
    "bilinear, channels first": lambda **kw: L.UpSampling2D(
        (2, 3), "channels_first", "bilinear", **kw
    ),
    "bicubic": lambda **kw: L.UpSampling2D(interpolation="bicubic", **kw),
    "lanczos": lambda **kw: L.UpSampling2D(interpolation="lanczos3", **kw),
    "resize up": lambda **kw: L.Resizing(7, 11, **kw),
    "resize down": lambda **kw: L.Resizing(4, 3, **kw),
    "resize down, antialiased": lambda **kw: L.Resizing(4, 3, antialias=True, **kw),
    "resize to nearest": lambda **kw: L.Resizing(4, 9, "nearest", **kw),
    "max pool": lambda **kw: L.MaxPooling2D((3, 2), 1, "same", **kw),
    "max pool, channels first": lambda **kw: L.MaxPooling2D(4, 1, "same", "channels_first", **kw),
    "response": lambda **kw: L.Lambda(LRN, arguments={"depth_radius": 1, "alpha": 0.4}, **kw),
    "response by default": lambda **kw: L.Lambda(LRN, **kw),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def network_of(layer: Any, dtype: str = "float32", shape: Any = (6, 5, 4)) -> Network:
    """A model that is `layer` alone, averaged so that it is a classifier."""
    x = keras.Input(shape, dtype=dtype)
    y = L.Flatten(dtype=dtype)(layer(x)) if None not in shape else keras.ops.mean(layer(x), (1, 2))
    network = as_network(keras.Model(x, y))
    rng = np.random.default_rng(1)
    for variable in network.model.weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return network


def images(dtype: str = "float32", shape: tuple[int, ...] = (2, 6, 5, 4)) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [3, 4], dtype=dtype)


@every_layer
def test_values_are_the_users_own(name: str) -> None:
    network = network_of(LAYERS[name]())
    corrected = correct_derivatives(network)
    (changed,) = corrected_layers(network, corrected)
    assert changed == network.graph.nodes[0].name
    np.testing.assert_allclose(corrected.logits(images()), network.model(images()), atol=1e-6)


@every_layer
def test_derivatives_are_right(name: str) -> None:
    exact = correct_derivatives(network_of(LAYERS[name]())).graph.nodes[0].operation
    v = tf.random.stateless_normal((2, 6, 5, 4), [5, 6], dtype="float64")

    def score(x: tf.Tensor) -> tf.Tensor:
        y = exact(x * 0.7)
        return tf.reduce_sum(tf.reshape(tf.tanh(y) ** 2, [2, -1]), 1)

    derivatives = derivatives_of(score)
    found = compare(derivatives, images("float64"), v, FLOAT64)
    assert found.first.tolist() == found.second.tolist() == [RIGHT, RIGHT]
    assert found.curved.all()
    assert found.second_error.max() < 1e-6


def test_weights_are_read_at_call_time() -> None:
    for name in ("layer norm", "group norm"):
        network = network_of(LAYERS[name]())
        corrected = correct_derivatives(network)
        before = corrected.logits(images())
        for variable in network.model.weights:
            variable.assign(variable * 2)
        after = corrected.logits(images())
        assert np.abs(after - before).max() > 0.1
        np.testing.assert_allclose(after, network.model(images()), atol=1e-5)


@pytest.mark.parametrize("name", ["layer norm", "group norm", "bilinear", "max pool"])
def test_half_precision_is_kept(name: str) -> None:
    network = network_of(LAYERS[name](dtype="float16"), "float16")
    assert {variable.dtype for variable in network.model.weights} <= {"float16"}
    found = correct_derivatives(network).graph(images("float16"))
    assert found.dtype == network.graph(images("float16")).dtype
    np.testing.assert_allclose(
        tf.cast(found, tf.float32),
        tf.cast(network.model(images("float16")), tf.float32),
        atol=5e-3,
    )


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
def test_the_deprecated_scaling_of_layer_norm() -> None:
    network = network_of(L.LayerNormalization(rms_scaling=True))
    corrected = correct_derivatives(network)
    assert corrected_layers(network, corrected)
    np.testing.assert_allclose(corrected.logits(images()), network.model(images()), atol=1e-6)


@pytest.mark.parametrize(
    "operation",
    [
        lambda h: keras.ops.layer_normalization(h, np.full(4, 2.0), np.ones(4)),
        lambda h: keras.ops.layer_normalization(h),
        lambda h: keras.ops.moments(h, [1, 2])[1],
        lambda h: keras.ops.image.resize(h, (9, 4)),
        lambda h: keras.ops.max_pool(h, 3, 1, "same"),
    ],
)
def test_functional_operations_are_rewritten_too(operation: Callable[[Any], Any]) -> None:
    network = network_of(operation)
    corrected = correct_derivatives(network)
    assert corrected_layers(network, corrected)
    np.testing.assert_allclose(corrected.logits(images()), network.model(images()), atol=1e-6)


def test_maps_of_any_size() -> None:
    network = network_of(LAYERS["bilinear"](), shape=(None, None, 4))
    corrected = correct_derivatives(network)
    traced = tf.function(
        corrected.logits,
        input_signature=[tf.TensorSpec((None, None, None, 4))],
        autograph=False,
    )
    for shape in ((2, 6, 5, 4), (1, 3, 8, 4)):
        x = images(shape=shape)
        np.testing.assert_allclose(traced(x), network.model(x), atol=1e-6)


def test_pools_of_rows_and_of_volumes() -> None:
    for pool, shape in ((L.MaxPooling1D, (2, 6, 4)), (L.MaxPooling3D, (2, 3, 4, 5, 2))):
        network = network_of(pool(3, 1, "same"), shape=shape[1:])
        corrected = correct_derivatives(network)
        x = images(shape=shape)
        assert corrected_layers(network, corrected)
        np.testing.assert_array_equal(corrected.logits(x), network.model(x))


def test_a_rewritten_network_compiles() -> None:
    for name in ("layer norm", "group norm", "bicubic", "max pool", "response"):
        corrected = correct_derivatives(network_of(LAYERS[name]()))
        compiled = tf.function(corrected.logits, autograph=False, jit_compile=True)
        np.testing.assert_allclose(compiled(images()), corrected.logits(images()), atol=1e-5)


class MyNorm(L.LayerNormalization):
    """A subclass may do anything in its call."""


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.UpSampling2D(),
        lambda: L.MaxPooling2D(3, 2, padding="same"),
        lambda: L.MaxPooling2D(3, 1),
        lambda: L.Resizing(4, 4, crop_to_aspect_ratio=True),
        lambda: L.Lambda(lambda h: h),
        lambda: MyNorm(),
        lambda: L.BatchNormalization(),
    ],
)
def test_what_is_right_or_unknown_is_left_alone(layer: Callable[[], L.Layer]) -> None:
    network = network_of(layer())
    corrected = correct_derivatives(network)
    assert corrected_layers(network, corrected) == ()
    pairs = zip(network.graph.nodes, corrected.graph.nodes, strict=True)
    assert all(old is new for old, new in pairs)


def test_a_rewrite_that_moves_the_logits_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(network: Network) -> Network:
        good = correct_derivatives(network)
        graph = good.graph
        assert isinstance(graph, Graph)
        first, *rest = graph.nodes
        shifted = type(first)(
            lambda x: 1.01 * first.operation(x), first.args, {}, first.outputs, first.name
        )
        return type(good)(
            good.model,
            Graph((shifted, *rest), graph.inputs, graph.output, graph.specs),
            good.head,
            good.units,
        )

    monkeypatch.setattr(trust, "correct_derivatives", wrong)
    x = keras.Input((6,))
    h = L.Dense(5, "tanh")(L.LayerNormalization(name="norm")(L.Dense(5, "tanh")(x)))
    model = keras.Model(x, L.Dense(3)(h))
    decision = trusted(model, np.random.default_rng(0).standard_normal((3, 6)))
    assert decision.kind == "secant"
    assert "moves the logits by" in decision.text


def test_subclassed_models_are_refused() -> None:
    class Plain(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(InputError, match="is subclassed and has no graph"):
        correct_derivatives(as_network(Plain(name="plain")))
