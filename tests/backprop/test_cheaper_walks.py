"""Shortcuts of the relevance walk give what the long way gives."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.canonizers import canonize
from tf_fragile.backprop.column import explained_column
from tf_fragile.backprop.composites import first_weighted, of_kind
from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.rules import (
    AlphaBeta,
    Contrast,
    Epsilon,
    Gamma,
    Proportional,
    flat,
    gradient,
    pass_through,
    wsquare,
    zplus,
)
from tf_fragile.backprop.strided import strided_as_blocks
from tf_fragile.backprop.walk import Rule, walk
from tf_fragile.backprop.weighted import Reweighted

L = keras.layers
X = np.random.default_rng(0).standard_normal((3, 11, 11, 3))
TARGET = tf.constant([2, 0, 1])
RULES = {
    "epsilon": Epsilon(0.1),
    "alpha_beta": AlphaBeta(2, 1, "innvestigate"),
    "gamma": Gamma(0.5),
    "contrast": Contrast(zplus()),
    "flat": flat,
    "wsquare": wsquare,
    "gradient": gradient,
}


def graph_of(head: str) -> Graph:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    top = {
        "dense": [L.Flatten(), L.Dense(3)],
        "convolution": [L.Conv2D(3, 1, activation="relu"), L.GlobalAveragePooling2D()],
    }[head]
    body = [L.Conv2D(4, 3, 2, "same", activation="relu"), L.MaxPooling2D(3, 2), *top]
    model = keras.Sequential([keras.Input((11, 11, 3), dtype="float64"), *body])
    keras.config.set_dtype_policy(before)
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(w.shape) for w in model.get_weights()])
    graph = as_network(model).graph
    assert graph is not None
    return graph


def map_of(graph: Graph, start: tf.Tensor, rule: Rule) -> tf.Tensor:
    def rule_of(node) -> Rule:
        if of_kind("weighted")(node):
            return rule
        if of_kind("average")(node):
            return Proportional()
        return pass_through if of_kind("activation")(node) else gradient

    values = graph.run(tf.constant(X))
    return walk(graph, values, {graph.output: start}, rule_of)[graph.inputs[0]]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("head", ["dense", "convolution"])
def test_the_explained_column_alone_gives_the_map_of_all_classes(head: str, rule: str) -> None:
    graph = graph_of(head)
    column = explained_column(graph, TARGET)
    assert column is not None
    np.testing.assert_allclose(
        column(tf.constant(X))[:, 0], tf.gather(graph(tf.constant(X)), TARGET, batch_dims=1)
    )
    long = map_of(graph, 2 * tf.one_hot(TARGET, 3, dtype=tf.float64), RULES[rule])
    short = map_of(column, tf.fill((3, 1), tf.constant(2.0, tf.float64)), RULES[rule])
    np.testing.assert_allclose(short, long, atol=1e-9 * np.abs(long).max())


@pytest.mark.parametrize("rule", RULES)
def test_strided_convolutions_as_blocks_give_the_same_map(rule: str) -> None:
    graph = graph_of("dense")
    blocks = canonize(graph, (strided_as_blocks,))
    (first,) = (node for node in blocks.nodes if first_weighted(blocks)(node))
    assert isinstance(first.operation, Reweighted)
    start = tf.one_hot(TARGET, 3, dtype=tf.float64)
    plain = map_of(graph, start, RULES[rule])
    np.testing.assert_allclose(
        map_of(blocks, start, RULES[rule]), plain, atol=1e-9 * np.abs(plain).max()
    )
