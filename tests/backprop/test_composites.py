"""Rules chosen by kind, by name and by place."""

from __future__ import annotations

import keras
import pytest

from tf_fragile.backprop.composites import (
    Composite,
    activation,
    below,
    dense,
    first_weighted,
    last_weighted,
    named,
    nonnegative_slots,
    of_kind,
)
from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.kinds import kind_of
from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.rules import deconvnet, gradient, pass_through
from tf_fragile.errors import InputError, UnsupportedLayerError

L = keras.layers


def graph() -> Graph:
    image, row = keras.Input((6, 6, 2), name="image"), keras.Input((3,), name="row")
    h = L.Conv2D(2, 3, activation="relu", name="conv1")(L.Rescaling(0.5, name="scale")(image))
    h = L.Conv2D(2, 3, activation="tanh", name="conv2")(h)
    a = L.Dense(3, activation="relu", name="rows")(row)
    h = L.Concatenate(name="join")([L.Flatten()(h), a])
    model = keras.Model([image, row], L.Dense(2, activation="softmax", name="top")(h))
    network = as_network(model)
    assert network.graph is not None
    return network.graph


def chosen(condition, graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes if condition(node)]


def test_conditions_on_place() -> None:
    g = graph()
    assert sorted(chosen(first_weighted(g), g)) == ["conv1", "rows"]
    assert chosen(last_weighted(g), g) == ["top"]
    under = chosen(below(g, "conv2"), g)
    # conv2 is two nodes, its activation reads its pre-activation; neither is below itself
    assert sorted(set(under)) == ["conv1", "scale"]


def test_a_layer_that_is_reached_past_another_is_not_first() -> None:
    x = keras.Input((4,))
    h = L.Add()([L.Dense(4, name="a")(x), x])
    model = keras.Model(x, L.Dense(2, name="b")(h))
    g = as_network(model).graph
    assert chosen(first_weighted(g), g) == ["a"]
    assert chosen(last_weighted(g), g) == ["b"]


def test_conditions_on_kind_and_name() -> None:
    g = graph()
    assert sorted(chosen(dense, g)) == ["rows", "top"]
    assert chosen(activation("tanh"), g) == ["conv2"]
    assert chosen(of_kind("rescale"), g) == ["scale"]
    assert set(chosen(named(g, "join", "top"), g)) == {"join", "top"}
    with pytest.raises(InputError, match="Unknown layer 'conv3'; did you mean"):
        named(g, "conv3")


def test_the_first_condition_that_holds_decides_and_none_is_a_refusal() -> None:
    g = graph()
    base = Composite("mine", ((of_kind("weighted"), gradient),))
    rules = base.preceded_by((named(g, "conv2"), deconvnet), (dense, pass_through))
    top, (conv2, _) = g.producers()[g.output], [n for n in g.nodes if n.name == "conv2"]
    assert rules(conv2) is deconvnet
    assert rules(top) is pass_through
    (join,) = [n for n in g.nodes if n.name == "join"]
    with pytest.raises(UnsupportedLayerError, match=r"mine has no rule for layer 'join' \(Conc"):
        rules(join)


def test_what_is_never_negative_is_known() -> None:
    x = keras.Input((6, 6, 2))
    relu = L.ReLU(name="relu")(x)
    leaky = L.LeakyReLU(name="leaky")(x)
    both = L.Add(name="both")(
        [L.MaxPooling2D(2, name="pool")(relu), L.AveragePooling2D(2, name="average")(relu)]
    )
    mixed = L.Add(name="mixed")([relu, leaky])
    minus = L.Subtract(name="minus")([relu, relu])
    flat = [L.Flatten()(t) for t in (both, mixed, minus, L.BatchNormalization(name="bn")(relu))]
    model = keras.Model(x, L.Dense(2)(L.Concatenate(name="all")(flat)))
    g = as_network(model).graph
    slots = nonnegative_slots(g)
    known = {node.name for node in g.nodes if node.output in slots}
    assert {"relu", "pool", "average", "both"} <= known
    assert not {"leaky", "mixed", "minus", "bn", "all"} & known


def test_functional_operations_have_kinds_and_disguised_rectifiers_none() -> None:
    x = keras.Input((6, 4))
    ops = keras.ops
    outputs = {
        "average": ops.mean(x, axis=1),
        "routing": ops.reshape(x, (-1, 24)),
        "rescale": x * 2.0,
        "sum": ops.add(x, x),
        "product": ops.multiply(x, x),
        "unknown": ops.maximum(x, 0.5),
        "softmax": ops.softmax(x),
        "activation": ops.relu(x),
    }
    for expected, output in outputs.items():
        model = keras.Model(x, L.Dense(2)(L.Flatten()(output)))
        kinds = {kind_of(node) for node in as_network(model).graph.nodes}
        assert expected in kinds
    assert (
        kind_of(as_network(keras.Model(x, L.Dense(2)(L.Flatten()(1.0 / x)))).graph.nodes[0])
        == "unknown"
    )
