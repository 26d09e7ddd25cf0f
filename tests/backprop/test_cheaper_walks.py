"""Shortcuts of the relevance walk give what the long way gives."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.canonizers import canonize
from tf_fragile.backprop.column import explained_column
from tf_fragile.backprop.composites import (
    first_weighted,
    nonnegative_slots,
    of_kind,
    rectified_slots,
)
from tf_fragile.backprop.explained import Explained
from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.kinds import kind_of
from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.propagation import propagate
from tf_fragile.backprop.rules import (
    AlphaBeta,
    Contrast,
    Epsilon,
    Gamma,
    Proportional,
    flat,
    gradient,
    guided_backprop,
    pass_through,
    wsquare,
    zplus,
)
from tf_fragile.backprop.strided import strided_as_blocks
from tf_fragile.backprop.walk import Rule, walk
from tf_fragile.backprop.weighted import Reweighted, is_linear
from tf_fragile.explainers.rectified import rectifier_composite

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
    explained = explained_column(graph, TARGET)
    assert explained.column
    column = explained.graph
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


@pytest.mark.parametrize("signed", [True, False])
def test_gamma_needs_no_way_back_for_negative_outputs_that_a_relu_cuts(signed: bool) -> None:
    graph, rule = graph_of("convolution"), Gamma(0.5, signed=True)
    start = tf.one_hot(TARGET, 3, dtype=tf.float64)
    rectified = rectified_slots(graph, lambda node: kind_of(node) in ("weighted", "average"))
    assert len([n for n in graph.nodes if is_linear(n.operation) and n.output in rectified]) == 2

    def cheap(node) -> Rule:
        sign = signed or not nonnegative_slots(graph).issuperset(node.inputs)
        return replace(rule, signed=sign, rectified=node.output in rectified)

    def rule_at(node, inputs, output, relevance):
        return cheap(node)(node, inputs, output, relevance)

    np.testing.assert_allclose(
        map_of(graph, start, rule_at), map_of(graph, start, rule), rtol=1e-9, atol=1e-12
    )


def test_a_slot_is_rectified_only_if_all_its_ways_lead_through_relus_that_stay_silent() -> None:
    x = keras.Input((6, 6, 2))
    cut = L.ReLU()(L.Conv2D(2, 3, name="cut")(x))
    pooled = L.ReLU()(L.MaxPooling2D(2)(L.Conv2D(2, 3, name="pooled")(cut)))
    read = L.Conv2D(2, 1, name="also_read")(pooled)
    smooth = keras.activations.softplus(L.Conv2D(2, 1, name="smooth")(L.ReLU()(read)))
    averaged = L.ReLU()(L.Conv2D(2, 1, name="averaged")(smooth))
    top = L.Concatenate()([L.Flatten()(read), L.GlobalAveragePooling2D()(averaged)])
    graph = as_network(keras.Model(x, L.Dense(3, name="top")(top))).graph
    assert graph is not None

    def names(*kinds: str) -> set[str]:
        slots = rectified_slots(graph, lambda node: kind_of(node) in kinds)
        return {node.name for node in graph.nodes if is_linear(node.operation)} & {
            node.name for node in graph.nodes if node.output in slots
        }

    assert names("weighted", "average") == {"cut", "pooled", "averaged"}
    assert names("weighted") == {"cut", "pooled"}


@pytest.mark.parametrize("joined", [True, False])
def test_guided_backprop_in_front_of_overlapping_pools_is_that_behind_them(joined: bool) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    x = keras.Input((15, 15, 3), dtype="float64")
    h = L.Conv2D(4, 3, activation="relu")(x)
    if joined:
        h = L.Concatenate()([L.Conv2D(3, 1, activation="relu")(h) for _ in range(2)])
    h = L.Conv2D(4, 3, activation="relu")(L.MaxPooling2D(3, 2)(h))
    h = L.MaxPooling2D(3, 1)(h)
    native = L.ReLU()(L.MaxPooling2D(2, 1)(L.Conv2D(4, 1)(h)))  # the pool comes first: not hoisted
    model = keras.Model(x, L.Dense(3)(L.Flatten()(native)))
    keras.config.set_dtype_policy(before)
    images = tf.constant(np.random.default_rng(2).standard_normal((3, 15, 15, 3)))
    network = as_network(model)
    rules = rectifier_composite("guided_backprop", guided_backprop)
    explained = Explained(network.graph, TARGET)
    plain = propagate(network, explained, images, rules, "logit", linear=True)
    found = tff.explain("guided_backprop", network)(images, TARGET)
    assert np.abs(plain).max() > 0
    np.testing.assert_allclose(found, plain, rtol=1e-9, atol=1e-12)
