"""Rewrites change the cost of a gradient, never its value."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.record import record
from tf_fragile.backprop.rewrites import (
    JoinedAffine,
    SpaceToDepthConvolution,
    TargetColumn,
    cheaper,
    hoist_max_pools,
    target_column,
)

layers = keras.layers


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


def batch(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).standard_normal(shape))


def gradient(function, x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(tf.sin(function(x)))
    return tape.gradient(value, x)


def squeeze_net(act: str = "relu", pool=lambda: layers.MaxPooling2D(3, 2)) -> keras.Model:
    x = keras.Input((21, 19, 3))
    h = pool()(layers.Conv2D(6, 7, strides=2, activation=act)(x))
    a = layers.Conv2D(4, 1, activation=act)(h)
    b = layers.Conv2D(5, 3, padding="same", activation=act)(h)
    h = layers.MaxPooling2D(2)(layers.Concatenate()([a, b]))
    h = layers.Conv2D(7, 1, activation=act)(h)
    return keras.Model(x, layers.GlobalAveragePooling2D()(h))


def operations(graph) -> list[type]:
    return [type(node.operation) for node in graph.nodes]


def test_cheaper_graph_has_the_same_values_and_gradients() -> None:
    graph, x = record(squeeze_net()), batch(2, 21, 19, 3)
    fast = cheaper(graph)
    assert SpaceToDepthConvolution in operations(fast)
    assert JoinedAffine in operations(fast)
    assert layers.Concatenate not in operations(fast)
    np.testing.assert_allclose(fast(x), graph(x), atol=1e-12)
    np.testing.assert_allclose(gradient(fast, x), gradient(graph, x), atol=1e-12)


def test_pools_move_in_front_of_monotone_activations_only() -> None:
    for act, moved in (("relu", True), ("softplus", True), ("silu", False), ("gelu", False)):
        nodes = hoist_max_pools(record(squeeze_net(act))).nodes
        first = next(n for n in nodes if type(n.operation) in (layers.MaxPooling2D, Activation))
        assert (type(first.operation) is layers.MaxPooling2D) == moved, act


def test_average_pools_stay_where_they_are() -> None:
    nodes = hoist_max_pools(record(squeeze_net(pool=lambda: layers.AveragePooling2D(3, 2)))).nodes
    first = next(n for n in nodes if type(n.operation) in (layers.AveragePooling2D, Activation))
    assert type(first.operation) is Activation


def test_an_activation_with_a_second_reader_is_not_moved() -> None:
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(3, 3, padding="same", activation="relu")(x)
    both = layers.Concatenate()([layers.Flatten()(layers.MaxPooling2D(2)(h)), layers.Flatten()(h)])
    graph, data = record(keras.Model(x, layers.Dense(2)(both))), batch(2, 8, 8, 3)
    assert operations(hoist_max_pools(graph)) == operations(graph)
    np.testing.assert_allclose(cheaper(graph)(data), graph(data), atol=1e-12)


def test_a_concatenation_with_a_second_reader_is_kept() -> None:
    x = keras.Input((6, 6, 3))
    joined = layers.Concatenate()([layers.Conv2D(2, 1)(x), layers.Conv2D(3, 1)(x)])
    out = layers.Add()([layers.Conv2D(4, 1)(joined), layers.Conv2D(4, 1)(joined)])
    graph = record(keras.Model(x, layers.GlobalAveragePooling2D()(out)))
    assert layers.Concatenate in operations(cheaper(graph))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"),
    [(16, 3, 2), (17, 7, 2), (15, 5, 3), (13, 2, 2), (12, 1, 2), (11, 4, 4)],
)
def test_space_to_depth_equals_the_strided_convolution(padding, size, kernel, stride) -> None:
    x = keras.Input((size, size + 1, 2))
    h = layers.Conv2D(3, kernel, strides=stride, padding=padding)(x)
    graph = record(keras.Model(x, layers.Flatten()(h)))
    fast, data = cheaper(graph), batch(2, size, size + 1, 2)
    assert SpaceToDepthConvolution in operations(fast)
    np.testing.assert_allclose(fast(data), graph(data), atol=1e-12)
    np.testing.assert_allclose(gradient(fast, data), gradient(graph, data), atol=1e-12)


@pytest.mark.parametrize("top", ["dense", "conv"])
def test_target_column_is_the_targets_logit(top: str) -> None:
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(4, 3, activation="relu")(x)
    if top == "dense":
        out = layers.Dense(5)(layers.Dropout(0.5)(layers.Flatten()(h)))
    else:
        out = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 1, activation="relu")(h))
    graph, data = record(keras.Model(x, out)), batch(3, 8, 8, 3)
    target = tf.constant([4, 0, 2])
    column = target_column(graph)
    assert TargetColumn in operations(column)
    expected = tf.gather(graph(data), target, batch_dims=1)
    np.testing.assert_allclose(column([data, target])[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize(
    "after", [layers.Softmax(), layers.Dense(4), layers.LayerNormalization()], ids=lambda a: a.name
)
def test_target_column_stops_at_whatever_mixes_classes(after) -> None:
    x = keras.Input((6,))
    graph = record(keras.Model(x, after(layers.Dense(4)(layers.Dense(6)(x)))))
    column = target_column(graph)
    if column is None:
        return
    kernels = [n.operation.affine.layer for n in column.nodes if type(n.operation) is TargetColumn]
    assert kernels == [after]
