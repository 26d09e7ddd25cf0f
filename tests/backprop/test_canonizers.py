"""Canonized graphs compute what the model does, read weights late, and leave the rest alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.canonizers import (
    canonize,
    fold_batch_norms,
    norms_as_depthwise,
    prove,
    split_separable,
    two_logits,
)
from tf_fragile.backprop.composites import is_norm
from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.weighted import Reweighted, weights_of
from tf_fragile.errors import InputError

L = keras.layers
LAYERS: dict[str, Callable[[], keras.Layer]] = {
    "dense": lambda: L.Dense(4),
    "conv": lambda: L.Conv2D(4, 3, padding="same"),
    "without bias": lambda: L.Conv2D(4, 3, padding="same", use_bias=False),
    "strided": lambda: L.Conv2D(4, 2, 2),
    "grouped": lambda: L.Conv2D(6, 3, groups=2, padding="same"),
    "depthwise": lambda: L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
    "transposed": lambda: L.Conv2DTranspose(3, 3, 2, "same"),
    "separable": lambda: L.SeparableConv2D(5, 3, padding="same", depth_multiplier=2),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def shaken(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(3)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def graph_of(*stack: keras.Layer) -> tuple[keras.Model, Graph]:
    model = keras.Sequential([keras.Input((6, 6, 4)), *stack, L.Flatten(), L.Dense(2)])
    graph = as_network(shaken(model)).graph
    assert graph is not None
    return model, graph


def x() -> tf.Tensor:
    return tf.random.stateless_normal((3, 6, 6, 4), [1, 2])


def norms(graph: Graph) -> int:
    return sum(is_norm(node) for node in graph.nodes)


@every_layer
@pytest.mark.parametrize("before", [True, False])
def test_folding_removes_the_batch_norm_and_keeps_the_function(name: str, before: bool) -> None:
    layer, norm = LAYERS[name](), L.BatchNormalization()
    model, graph = graph_of(*((norm, layer) if before else (layer, norm)))
    folded = canonize(graph, (split_separable, fold_batch_norms))
    assert norms(graph) == 1
    assert norms(folded) == 0
    np.testing.assert_allclose(folded(x()), model(x()), rtol=2e-5)
    norm.gamma.assign(norm.gamma * 2)  # weights are read late
    norm.moving_mean.assign(norm.moving_mean + 1)
    np.testing.assert_allclose(folded(x()), model(x()), rtol=2e-5)


def test_folded_bias_differs_along_a_padded_border_where_the_norm_comes_first() -> None:
    _, graph = graph_of(L.BatchNormalization(), L.Conv2D(4, 3, padding="same"))
    folded = canonize(graph, (fold_batch_norms,))
    _, bias = weights_of(folded.nodes[0].operation, x())
    assert np.abs(bias[0, 0, 0] - bias[0, 3, 3]).max() > 0.01
    np.testing.assert_allclose(bias[0, 2, 2], bias[0, 3, 3], rtol=1e-5)


def test_options_of_the_batch_norm_are_respected() -> None:
    norm = L.BatchNormalization(scale=False, center=False, epsilon=0.3)
    model, graph = graph_of(L.Conv2D(4, 3), norm)
    for canonizer in (fold_batch_norms, norms_as_depthwise):
        np.testing.assert_allclose(canonizer(graph)(x()), model(x()), rtol=2e-5)


def test_a_norm_that_others_read_or_that_stands_alone_stays() -> None:
    inputs = keras.Input((6, 6, 4))
    h = L.Conv2D(4, 3, padding="same")(inputs)
    h = L.Add()([L.BatchNormalization()(h), h])  # the convolution's output is read twice
    h = L.Activation("relu")(L.BatchNormalization()(h))
    model = shaken(keras.Model(inputs, L.Dense(2)(L.Flatten()(h))))
    folded = fold_batch_norms(as_network(model).graph)
    assert norms(folded) == 2
    np.testing.assert_allclose(folded(x()), model(x()), rtol=2e-5)


def test_one_norm_read_by_two_layers_folds_into_both() -> None:
    inputs = keras.Input((6, 6, 4))
    h = L.BatchNormalization()(inputs)
    h = L.Add()([L.Conv2D(4, 3, padding="same")(h), L.Dense(4)(h)])
    model = shaken(keras.Model(inputs, L.Dense(2)(L.Flatten()(h))))
    folded = fold_batch_norms(as_network(model).graph)
    assert norms(folded) == 0
    np.testing.assert_allclose(folded(x()), model(x()), rtol=2e-5)


def test_separable_convolutions_become_two_stages() -> None:
    for layer, shape in (
        (L.SeparableConv2D(5, 3, 2, depth_multiplier=2, activation="tanh"), (6, 6, 4)),
        (L.SeparableConv1D(5, 3, padding="same", dilation_rate=2), (6, 4)),
    ):
        model = keras.Sequential([keras.Input(shape), layer, L.Flatten(), L.Dense(2)])
        graph = as_network(shaken(model)).graph
        split = split_separable(graph)
        inputs = tf.random.stateless_normal((2, *shape), [0, 1])
        np.testing.assert_allclose(split(inputs), model(inputs), rtol=2e-5)
        assert len(split.nodes) == len(graph.nodes) + 1


def test_one_unit_becomes_two_logits() -> None:
    model = keras.Sequential([keras.Input((3,)), L.Dense(1, activation="sigmoid")])
    graph = two_logits(as_network(model).graph)
    inputs = tf.random.stateless_normal((2, 3), [0, 1])
    odds = keras.ops.log(model(inputs) / (1 - model(inputs)))
    np.testing.assert_allclose(graph(inputs), tf.concat([-odds, odds], 1), rtol=1e-4)


def test_a_rewrite_that_changes_the_function_is_caught() -> None:
    _, graph = graph_of(L.Conv2D(4, 3), L.BatchNormalization())
    folded = canonize(graph, (fold_batch_norms,))
    shapes = [(None, 6, 6, 4)]
    prove(graph, folded, shapes, "float32", "fine")

    def shifted(x: tf.Tensor) -> tuple:
        kernels, bias = weights_of(folded.nodes[0].operation, x)
        return kernels, bias + 1e-3

    operation = folded.nodes[0].operation
    wrong = Reweighted(operation.layer, operation.linear, shifted)
    broken = folded.map(
        lambda node: replace(node, operation=wrong) if node is folded.nodes[0] else node
    )
    with pytest.raises(InputError, match=r"The logits of model 'odd' change by .* when its batch"):
        prove(graph, broken, shapes, "float32", "odd")
