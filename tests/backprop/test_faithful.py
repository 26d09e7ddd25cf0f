"""What is recorded is the model: nestings, masks, keyword calls, casts; or one sentence."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop import network as networks
from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.network import as_network
from tf_fragile.errors import InputError

L = keras.layers
RNG = np.random.default_rng(0)
NOW, BEFORE = RNG.random((2, 2, 6), np.float32)


def keras_gradient(model: keras.Model, x: Any, unit: int) -> Any:
    v = tf.nest.map_structure(tf.constant, x)
    with tf.GradientTape() as tape:
        tape.watch(v)
        y = keras.tree.flatten(model(v, training=False))[0][:, unit]
    return tape.gradient(y, v)


def agree(model: keras.Model, x: Any) -> None:
    expected = keras_gradient(model, x, 1)
    found = tff.explain("gradient", model)(x, 1)
    tf.nest.map_structure(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, expected)


def two_towers(inputs: Callable[[Any, Any], Any]) -> keras.Model:
    a, b = keras.Input((6,), name="now"), keras.Input((6,), name="before")
    h = [L.Dense(4, activation="relu")(a), L.Dense(4, activation="tanh")(b)]
    return keras.Model(inputs(a, b), L.Dense(3)(L.Concatenate()(h)))


NESTINGS: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "list for list": (lambda a, b: [a, b], [NOW, BEFORE]),
    "tuple for list": (lambda a, b: [a, b], (NOW, BEFORE)),
    "dict for list": (lambda a, b: [a, b], {"before": BEFORE, "now": NOW}),
    "dict for dict": (lambda a, b: {"now": a, "before": b}, {"now": NOW, "before": BEFORE}),
    "OrderedDict": (
        lambda a, b: OrderedDict(now=a, before=b),
        OrderedDict(now=NOW, before=BEFORE),
    ),
}
CONFUSED: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "OrderedDict, other order": (
        lambda a, b: OrderedDict(now=a, before=b),
        OrderedDict(before=BEFORE, now=NOW),
    ),
    "dict for OrderedDict": (
        lambda a, b: OrderedDict(now=a, before=b),
        {"now": NOW, "before": BEFORE},
    ),
    "OrderedDict for dict": (
        lambda a, b: {"now": a, "before": b},
        OrderedDict(now=NOW, before=BEFORE),
    ),
}
METHODS = ("gradient", "integrated_gradients", "lrp_epsilon", "deeplift_rescale")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NESTINGS)
def test_inputs_are_told_apart_by_name_in_every_nesting(name: str, method: str) -> None:
    make, x = NESTINGS[name]
    model = two_towers(make)
    twin = two_towers(lambda a, b: [a, b])
    twin.set_weights(model.get_weights())
    found = tff.explain(method, model)(x, 1)
    now, before = tff.explain(method, twin)([NOW, BEFORE], 1)
    assert type(found) is type(x)
    mine = (found["now"], found["before"]) if isinstance(found, dict) else found
    np.testing.assert_allclose(mine[0], now, atol=1e-6)
    np.testing.assert_allclose(mine[1], before, atol=1e-6)


@pytest.mark.parametrize("name", CONFUSED)
def test_inputs_that_keras_confuses_are_refused_and_the_advice_works(name: str) -> None:
    make, x = CONFUSED[name]
    model = two_towers(make)
    with pytest.raises(InputError) as error:
        tff.explain("gradient", model)(x)
    told = re.fullmatch(
        rf"Keras takes the inputs {', '.join(map(repr, x))} of model '{model.name}' for others "
        r"than their names say: its outputs differ by \S+ of theirs; explain (keras.\S+, .*) with "
        r"a list in that order: '(\w+)', '(\w+)'\.",
        str(error.value),
    )
    agree(eval(told[1], {"keras": keras, "model": model}), [x[told[2]], x[told[3]]])


def test_a_nesting_is_compared_once_and_a_fault_of_ours_in_it_found(monkeypatch) -> None:
    """The order of insertion, as it once was."""
    model, right = two_towers(lambda a, b: {"now": a, "before": b}), networks.in_order

    def as_it_comes(model: keras.Model, x: Any) -> list[Any]:
        return list(x.values()) if isinstance(x, dict) else right(model, x)

    monkeypatch.setattr(networks, "in_order", as_it_comes)
    asked = tff.explain("gradient", model)
    with pytest.raises(InputError, match="takes the inputs 'now', 'before' of model"):
        asked({"now": NOW, "before": BEFORE})
    with pytest.raises(InputError, match="takes the inputs 'now', 'before' of model"):
        asked.as_gradient(1)({"now": tf.constant(NOW), "before": tf.constant(BEFORE)})
    monkeypatch.setattr(networks, "in_order", right)
    calls = []
    monkeypatch.setattr(
        model, "call", lambda *a, call=model.call, **k: calls.append(1) or call(*a, **k)
    )
    asked({"now": NOW, "before": BEFORE}, 1)
    assert calls
    calls.clear()
    asked({"now": NOW, "before": BEFORE}, 1)
    assert not calls


def test_settings_nested_like_the_inputs_are_read_by_name_too() -> None:
    model = two_towers(lambda a, b: OrderedDict(now=a, before=b))
    x, zero = OrderedDict(now=NOW, before=BEFORE), np.zeros(6, np.float32)
    baseline = {"before": BEFORE[0], "now": zero}
    maps = tff.explain("integrated_gradients", model, baseline=baseline)(x, 1)
    assert not np.any(maps["before"][0])
    assert np.any(maps["now"][0])


def test_inputs_that_cannot_be_matched_are_refused() -> None:
    model = two_towers(lambda a, b: [a, b])
    with pytest.raises(InputError, match="'before' is missing from 'now', 'then'; give a dict"):
        tff.explain("gradient", model)({"now": NOW, "then": BEFORE})
    with pytest.raises(InputError, match="takes 2 inputs, got 3"):
        tff.explain("gradient", model)([NOW, NOW, BEFORE])
    ordered = two_towers(lambda a, b: OrderedDict(now=a, before=b))
    with pytest.raises(InputError, match="in an order of its own; give a dict, not a list"):
        tff.explain("gradient", ordered)([NOW, BEFORE])


def series() -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(2, 7, 4)).astype("float32")
    x[:, 5:] = 0
    return x


def masking() -> keras.Model:
    p = keras.Input((7, 4))
    return keras.Model(p, L.Masking()(p))


def _self_attention(h: Any) -> Any:
    return L.MultiHeadAttention(2, 3)(h, h)


def _gated(h: Any) -> Any:
    return L.Multiply()([h, L.Dense(4, activation="sigmoid")(h)])


class Attending(L.Layer):
    supports_masking = True

    def build(self, shape: Any) -> None:
        self.attention = L.MultiHeadAttention(2, 3)
        self.attention.build(shape, shape)

    def call(self, x: Any) -> Any:
        return x + self.attention(x, x)


MASKED: dict[str, Callable[[Any], Any]] = {
    "nested, LSTM": lambda i: L.LSTM(5)(masking()(i)),
    "nested twice": lambda i: L.GRU(5)(keras.Sequential([keras.Input((7, 4)), masking()])(i)),
    "through Dense": lambda i: L.LSTM(5)(L.Dense(4, activation="relu")(L.Masking()(i))),
    "through an activation": lambda i: L.LSTM(5)(L.ReLU()(L.Masking()(i))),
    "pooled": lambda i: L.GlobalAveragePooling1D()(L.Dense(5)(L.Masking()(i))),
    "added": lambda i: L.LSTM(5)(L.Add()([L.Masking()(i), L.Dense(4)(L.Masking()(i))])),
    "attention": lambda i: L.GlobalAveragePooling1D()(
        L.MultiHeadAttention(2, 3)(L.Masking()(i), L.Masking()(i))
    ),
    "attention behind Dense": lambda i: L.GlobalAveragePooling1D()(
        _self_attention(L.Dense(4)(L.Masking()(i)))
    ),
    "attention behind a model": lambda i: _self_attention(
        keras.Sequential([keras.Input((7, 4)), masking()])(i)
    )[:, 6],
    "attention in a layer of one's own": lambda i: Attending()(L.Dense(4)(L.Masking()(i)))[:, 6],
    "product": lambda i: L.LSTM(5)(_gated(L.Dense(4)(L.Masking()(i)))),
    "product of a masked step": lambda i: _gated(L.Dense(4)(L.Masking()(i)))[:, 6],
    "bidirectional": lambda i: L.Bidirectional(L.LSTM(3))(L.Masking()(i)),
    "dropout between": lambda i: L.SimpleRNN(5)(L.Dropout(0.5)(L.Masking()(i))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MASKED)
def test_masks_go_where_keras_sends_them(name: str) -> None:
    i = keras.Input((7, 4))
    model = keras.Model(i, L.Dense(3)(MASKED[name](i)))
    x = series()
    np.testing.assert_allclose(as_network(model).logits(tf.constant(x)), model(x), atol=1e-6)
    agree(model, x)


def _attention(mask: Any) -> keras.Model:
    i = keras.Input((7, 4))
    q, k, v = L.Dense(4)(i), L.Dense(4)(i), L.Dense(4)(i)
    a = L.Softmax()(L.Dot((2, 2))([q, k]), mask=mask)
    return keras.Model(i, L.Dense(3)(L.Dot((2, 1))([a, v])[:, 1]))


class Shifted(L.Layer):
    def call(self, x: Any, by: Any = None, *, factor: float = 1.0) -> Any:
        return x * factor if by is None else x * factor + by


def _calls(name: str) -> keras.Model:
    i = keras.Input((7, 4))
    body = keras.Sequential([keras.Input((7, 4)), L.Dense(4, activation="relu")])
    h: Any = {
        "layer(inputs=x)": lambda: L.Dense(4)(inputs=i),
        "model(inputs=x)": lambda: body(inputs=i),
        "constant tensor by keyword": lambda: Shifted()(i, by=np.arange(4, dtype="float32")),
        "number by keyword": lambda: Shifted()(i, factor=3.0),
        "tensors by place and keyword": lambda: Shifted()(i, by=L.Dense(4)(i)),
        "all by keyword": lambda: Shifted()(x=i, by=L.Dense(4)(i), factor=0.5),
        "MultiHeadAttention by keyword": lambda: L.MultiHeadAttention(1, 3)(query=i, value=i),
        "causal attention": lambda: L.MultiHeadAttention(1, 3)(i, i, use_causal_mask=True),
    }[name]()
    return keras.Model(i, L.Dense(3)(L.Flatten()(h)))


CALLS = (
    *("layer(inputs=x)", "model(inputs=x)", "constant tensor by keyword", "number by keyword"),
    *("tensors by place and keyword", "all by keyword", "MultiHeadAttention by keyword"),
    "causal attention",
)


@pytest.mark.parametrize("name", CALLS)
def test_everything_that_a_call_was_given_is_recorded(name: str) -> None:
    agree(_calls(name), series())


def test_a_constant_mask_of_a_softmax_is_recorded() -> None:
    model = _attention(np.tril(np.ones((7, 7), bool)))
    agree(model, series())
    assert not np.any(tff.explain("gradient", model)(series(), 0)[:, 2:])


@pytest.mark.parametrize(
    "output", [lambda y: {"y": y}, lambda y: [y], lambda y: OrderedDict(y=y), lambda y: (y,)]
)
def test_one_output_in_any_nesting_is_one_output(output: Any) -> None:
    i = keras.Input((6,))
    model = keras.Model(i, output(L.Dense(3, activation="softmax")(i)))
    expected = tf.nest.flatten(model(NOW))[0]
    np.testing.assert_allclose(as_network(model).outputs(NOW), expected)
    agree_logits = tff.explain("gradient", model)(NOW, 1)
    np.testing.assert_allclose(agree_logits, np.tile(model.layers[-1].kernel[:, 1], (2, 1)))


class Cubed(keras.Sequential):
    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return super().call(inputs**3, training=training, mask=mask)


@pytest.mark.parametrize("nested", [False, True])
def test_a_sequential_with_a_call_of_its_own_is_not_taken_for_its_layers(nested: bool) -> None:
    inner = Cubed([keras.Input((6,)), L.Dense(5, activation="relu"), L.Dense(3)])
    i = keras.Input((6,))
    model = keras.Model(i, L.Dense(3)(inner(i))) if nested else inner
    agree(model, NOW)
    with pytest.raises(InputError, match=r"subclassed|no rule for layer 'cubed"):
        tff.explain("deeplift_rescale", model)(NOW, 0)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint16", "int64"])
def test_whole_numbers_are_cut_as_keras_cuts_them(dtype: str) -> None:
    i = keras.Input((6, 6, 3), dtype=dtype)
    y = L.Conv2D(4, 3, activation="relu")(L.Rescaling(1 / 255)(i))
    model = keras.Model(i, L.Dense(3, activation="softmax")(L.Flatten()(y)))
    x = np.random.default_rng(0).integers(20, 230, (2, 6, 6, 3)).astype("float32")
    explainer = tff.explain("gradient", model)
    np.testing.assert_array_equal(explainer(x + 0.9, 1), explainer(x, 1))
    assert np.any(explainer(x, 1))
    np.testing.assert_allclose(
        explainer.network.probabilities(explainer.network.logits(x + 0.9)),
        model(x + 0.9),
        atol=1e-6,
    )


def record_wrongly(
    monkeypatch: pytest.MonkeyPatch, function: Callable[[tf.Tensor], tf.Tensor]
) -> None:
    """Puts `function` in the place of every activation that is recorded."""
    honest = networks.record

    def change(node: Node) -> Node:
        is_activation = isinstance(node.operation, Activation)
        return replace(node, operation=function) if is_activation else node

    def wrong(model: keras.Model) -> Graph | None:
        graph = honest(model)
        return None if graph is None else graph.map(change)

    monkeypatch.setattr(networks, "record", wrong)


def hidden(activation: str) -> keras.Model:
    i = keras.Input((6,))
    return keras.Model(i, L.Dense(3)(L.Dense(5, activation=activation, name="hidden")(i)))


def test_a_recorded_graph_that_is_not_the_model_is_refused_with_the_layer_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record_wrongly(monkeypatch, tf.nn.softplus)
    with pytest.raises(InputError, match=r"is not what the model computes.*behind layer 'hidden'"):
        tff.explain("gradient", hidden("relu"))(NOW, 1)


def test_a_nested_model_at_fault_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = hidden("relu")
    i = keras.Input((6,))
    outer = keras.Model(i, L.Dense(3)(L.Dense(3, name="after")(inner(i))))
    record_wrongly(monkeypatch, tf.nn.softplus)
    with pytest.raises(InputError, match=rf"not what the model computes.*layer '{inner.name}'"):
        tff.explain("gradient", outer)(NOW, 1)


def test_of_a_layer_that_was_called_before_another_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = L.Dense(6, activation="relu", name="used")
    used(keras.Input((6,)))
    i = keras.Input((6,))
    model = keras.Model(i, L.Dense(3, name="last")(used(i)))
    record_wrongly(monkeypatch, tf.nn.softplus)
    with pytest.raises(InputError, match=r"not what the model computes.*behind layer 'last'"):
        tff.explain("gradient", model)(NOW, 1)


def test_a_layer_called_twice_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = L.Dense(6, activation="relu", name="twice")
    i = keras.Input((6,))
    model = keras.Model(i, L.Dense(3, name="last")(twice(twice(i))))
    record_wrongly(monkeypatch, tf.nn.softplus)
    with pytest.raises(InputError, match=r"not what the model computes.*behind layer 'last'"):
        tff.explain("gradient", model)(NOW, 1)


def test_a_gradient_that_is_not_the_models_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    record_wrongly(monkeypatch, lambda z: tf.stop_gradient(tf.tanh(z)))
    with pytest.raises(InputError, match="its gradient is off by"):
        tff.explain("gradient", hidden("tanh"))(NOW, 1)


@pytest.mark.parametrize("rewrite", ["cheaper", "target_column"])
def test_a_cheaper_form_that_is_not_the_model_is_refused(
    rewrite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = getattr(networks, rewrite)

    def change(node: Node) -> Node:
        is_activation = isinstance(node.operation, Activation)
        return replace(node, operation=tf.nn.softplus) if is_activation else node

    monkeypatch.setattr(networks, rewrite, lambda graph: honest(graph).map(change))
    with pytest.raises(InputError, match=r"cheaper form .* is not the model: its scores differ"):
        tff.explain("gradient", hidden("relu"))(NOW, 1)
