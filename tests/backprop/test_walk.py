"""The walk: paths add, relevance enters anywhere, every slot's relevance comes back."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.composites import Composite, of_kind
from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.rules import gradient
from tf_fragile.backprop.walk import Rule, walk
from tf_fragile.errors import UnsupportedLayerError

L = keras.layers


def plain(node: Node) -> Rule:
    return gradient


def diamond() -> keras.Model:
    """Branches, a shared layer, a nested model, an Add that reads one tensor twice."""
    x = keras.Input((6, 6, 2))
    conv = L.Conv2D(2, 3, padding="same", activation="tanh", name="shared")
    inner_in = keras.Input((6, 6, 2))
    inner = keras.Model(inner_in, L.AveragePooling2D(2)(L.Dropout(0.5)(inner_in)))
    h = conv(conv(x))
    h = L.Add(name="twice")([h, h, L.Dropout(0.5)(h), x])
    h = L.Concatenate()([inner(h), L.MaxPooling2D(2)(h)])
    return keras.Model(x, L.Dense(3, name="top")(L.Flatten()(h)))


def run(model: keras.Model) -> tuple:
    graph = as_network(model).graph
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 6, 6, 2)), tf.float32)
    return graph, x, graph.run(x)


def test_with_the_gradient_rule_everywhere_the_walk_is_backpropagation() -> None:
    model = diamond()
    graph, x, values = run(model)
    seed = tf.random.stateless_normal((2, 3), [1, 2])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        tracked = graph.run(x)
    slots = sorted(tracked)
    expected = tape.gradient(tracked[graph.output], x, output_gradients=seed)
    relevance = walk(graph, values, {graph.output: seed}, plain)
    np.testing.assert_allclose(relevance[graph.inputs[0]], expected, rtol=1e-4, atol=1e-6)
    assert sorted(relevance) == slots
    for slot in slots:
        assert relevance[slot].shape == values[slot].shape


def test_relevance_enters_at_any_slot_and_adds_to_what_comes_from_above() -> None:
    graph, _, values = run(diamond())
    (add,) = [node for node in graph.nodes if node.name == "twice"]
    top = tf.ones_like(values[graph.output])
    middle = tf.random.stateless_normal(values[add.output].shape, [3, 4])
    both = walk(graph, values, {graph.output: top, add.output: middle}, plain)
    parts = [
        walk(graph, values, {slot: r}, plain)
        for slot, r in ((graph.output, top), (add.output, middle))
    ]
    (x,) = graph.inputs
    np.testing.assert_allclose(both[x], parts[0][x] + parts[1][x], rtol=1e-4, atol=1e-5)
    assert graph.output not in parts[1]  # nothing above the injection gets any


def test_operations_with_several_outputs() -> None:
    x = keras.Input((6,))
    a, b, _ = keras.ops.split(x, 3, axis=1)
    model = keras.Model(x, L.Dense(2)(L.Concatenate()([L.Dense(2)(a), b])))
    graph = as_network(model).graph
    values = graph.run(tf.ones((2, 6)))
    with tf.GradientTape() as tape:
        inputs = tf.ones((2, 6))
        tape.watch(inputs)
        z = graph(inputs)
    start = {graph.output: tf.ones((2, 2))}
    relevance = walk(graph, values, start, plain)[graph.inputs[0]]
    np.testing.assert_allclose(relevance, tape.gradient(z, inputs), rtol=1e-5)
    assert not relevance.numpy()[:, 4:].any()


def test_a_node_without_relevance_is_never_asked_for_its_rule() -> None:
    x = keras.Input((4,))
    odd = L.LayerNormalization(name="odd")(x)
    model = keras.Model(x, L.Dense(2, name="top")(L.Concatenate()([x, odd])))
    graph = as_network(model).graph
    values = graph.run(tf.ones((1, 4)))
    rules = Composite("test", ((of_kind("weighted", "routing"), gradient),))
    first = graph.nodes[0]
    walk(graph, values, {graph.inputs[0]: tf.ones((1, 4))}, rules)
    with pytest.raises(UnsupportedLayerError, match=f"test has no rule for layer '{first.name}'"):
        walk(graph, values, {graph.output: tf.ones((1, 2))}, rules)


def test_an_operation_without_derivative_is_refused_by_name() -> None:
    x = keras.Input((4,))
    cut = L.Lambda(tf.stop_gradient, name="stop")
    model = keras.Model(x, L.Dense(2)(cut(x)))
    graph = as_network(model).graph
    start = {graph.output: tf.ones((1, 2))}
    with pytest.raises(UnsupportedLayerError, match=r"'stop' \(Lambda\): the operation has no"):
        walk(graph, graph.run(tf.ones((1, 4))), start, plain)
