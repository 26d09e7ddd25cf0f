"""Faults that the engine once had, put back: the judge finds each one, the self-check most."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import keras
import pytest
import tensorflow as tf
from random_models.judge import CHECKS, Verdict, judge
from random_models.recipe import Recipe, Step
from random_models.source import write
from random_models.subject import Subject, build

from tf_fragile.attacks import outcome
from tf_fragile.backprop import activations, network, record
from tf_fragile.backprop.activations import MONOTONE, Activation
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.linear import WEIGHTED
from tf_fragile.backprop.masks import Masks
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.rules import structural

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Fault:
    """A fault of the engine.

    Attributes:
      put_back: makes the engine do it again.
      recipe: a model that shows it.
      what: the judge's words while the engine does not compare itself with the model.
      refused: the engine's sentence once it does; empty where what it compares does not show it.
      check: the judge's check that sees it.
      control: what that check says of the model without the fault.
    """

    put_back: Patch
    recipe: Recipe
    what: str
    refused: str = ""
    check: str = "gradient"
    control: str = "^right$"


def steps(*texts: str) -> tuple[Step, ...]:
    return tuple(Step("call", text) for text in texts)


ROW = Recipe(1, "row", (5,), steps=steps('L.Dense(4, activation="tanh")($)'))
SERIES = Recipe(3, "series", (6, 3), padded=True)
IMAGE = Recipe(1, "image", (6, 6, 2))
RECURRENT = steps("L.Dense(3)($)", "L.LSTM(3)($)")
PAIR = replace(ROW, nesting="dict", join="L.Subtract()([a, b])")


def activations_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    by_value = activations.of_function

    def by_name(function: Any, sample: Any = ()) -> Activation:
        if isinstance(function, keras.Layer):
            return by_value(function, sample)
        return Activation(function.__name__, function, sample)

    monkeypatch.setattr(activations, "of_function", by_name)


def einsum_as_a_closed_box(monkeypatch: pytest.MonkeyPatch) -> None:
    open_ones = tuple(kind for kind in WEIGHTED if kind is not keras.layers.EinsumDense)
    monkeypatch.setattr(record, "is_weighted", lambda operation: type(operation) in open_ones)


def outputs_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "check_outputs", lambda head, outputs, name: None)


def dicts_in_order_of_insertion(monkeypatch: pytest.MonkeyPatch) -> None:
    as_keras_does = record.in_order

    def as_it_comes(model: keras.Model, x: Any) -> list[Any]:
        if not isinstance(x, Mapping):
            return as_keras_does(model, x)
        return [leaf for value in x.values() for leaf in keras.tree.flatten(value)]

    monkeypatch.setattr(record, "in_order", as_it_comes)
    monkeypatch.setattr(network, "in_order", as_it_comes)


def masks_that_hang_on_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Masks, "arguments", lambda self, layer, given: {})


def activations_of_one_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = record.split_activations

    def bare(node: Node) -> Node:
        return replace(node, kwargs={}) if type(node.operation) is keras.layers.Softmax else node

    def split(graph: Graph) -> Graph:
        return honest(graph.map(bare))

    monkeypatch.setattr(record, "split_activations", split)


def broadcasts_not_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structural, "_sum_to", lambda x, like: x)


def leaky_relus_of_any_slope_monotone(monkeypatch: pytest.MonkeyPatch) -> None:
    known = MONOTONE | {"leaky_relu", "elu"}
    monkeypatch.setattr(Activation, "monotone", property(lambda self: self.kind in known))


def only_one_softmax_mixes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Activation, "mixes", property(lambda self: self.kind == "softmax"))


def whole_numbers_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = record._Recorder.cast

    def cast(self: Any, tensor: Any, dtype: str, name: str) -> Any:
        return honest(self, tensor, dtype, name) if "float" in dtype else tensor

    monkeypatch.setattr(record._Recorder, "cast", cast)


def sequentials_by_their_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = record.functional_form

    def by_layers(model: keras.Model) -> keras.Model | None:
        if isinstance(model, keras.Sequential) and model.built:
            return keras.Model(model.inputs, model.outputs, name=model.name)
        return honest(model)

    monkeypatch.setattr(record, "functional_form", by_layers)


def standing_still_is_success(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = outcome.measure

    def measure(loop: Any, limits: Any, problem: Any, state: Any, *rest: Any, **more: Any) -> Any:
        state = state._replace(moved=tf.ones_like(state.moved))
        return honest(loop, limits, problem, state, *rest, **more)

    monkeypatch.setattr(outcome, "measure", measure)


PROBABILITIES = "returns probabilities from code that can't be stripped"
NOT_CHEAPER = "cheaper form in which model .* is explained is not the model"
NOT_THE_MODEL = "is not what the model computes"

FAULTS: dict[str, Fault] = {
    "a softmax by another name": Fault(
        activations_by_name,
        replace(ROW, head="tf_softmax"),
        "gradient: outputs of head tf_softmax taken for logits",
        PROBABILITIES,
    ),
    "the softmax of an EinsumDense": Fault(
        einsum_as_a_closed_box,
        replace(ROW, head="softmax_einsum"),
        "gradient: outputs of head softmax_einsum taken for logits",
        PROBABILITIES,
    ),
    "the softmax of a subclass of Dense": Fault(
        outputs_never_looked_at,
        replace(ROW, head="softmax_subclass"),
        "gradient: outputs of head softmax_subclass taken for logits",
        control=PROBABILITIES,
    ),
    "a dict of inputs": Fault(dicts_in_order_of_insertion, PAIR, "gradient: logits"),
    "a dict of inputs within": Fault(
        dicts_in_order_of_insertion,
        replace(PAIR, nesting="list", join='named_pair(a)({"right": a, "left": b})'),
        "gradient: logits",
        NOT_THE_MODEL,
    ),
    "a mask on its way into a model": Fault(
        masks_that_hang_on_tensors,
        replace(SERIES, steps=(*steps("L.Masking()($)"), Step("nested", "%($)", RECURRENT))),
        "gradient: logits",
        NOT_THE_MODEL,
    ),
    "a constant mask": Fault(
        activations_of_one_argument,
        replace(SERIES, steps=steps("attend($, causal($))"), padded=False),
        "gradient: logits",
        NOT_THE_MODEL,
    ),
    "a constant that widens": Fault(
        broadcasts_not_summed,
        replace(ROW, steps=steps("L.Dense(1)($) * const(3)")),
        "lrp_epsilon: crash, InvalidArgumentError in weighted.py transpose",
        check="lrp_epsilon",
    ),
    "a falling leaky ReLU before a pool": Fault(
        leaky_relus_of_any_slope_monotone,
        replace(IMAGE, steps=steps("ops.leaky_relu($, -0.5)", "L.MaxPooling2D(2)($)")),
        "gradient: logits",
        NOT_CHEAPER,
    ),
    "normalised logits": Fault(
        only_one_softmax_mixes,
        replace(ROW, head="normalised"),
        "gradient: gradient of the predicted class",
        NOT_CHEAPER,
    ),
    "an input of whole numbers": Fault(
        whole_numbers_not_cut,
        Recipe(1, "bytes", (3, 3, 1), steps=steps('L.Dense(3, activation="tanh")($)')),
        "gradient: logits",
        "nothing can be derived by it",
    ),
    "a Sequential with a call of its own": Fault(
        sequentials_by_their_layers,
        replace(ROW, wiring="own_call"),
        "gradient: logits",
        NOT_THE_MODEL,
    ),
    "an attack that never moved": Fault(
        standing_still_is_success,
        replace(ROW, steps=()),
        "attack: an attack that never moved is called a success",
        check="attack",
    ),
}


@functools.cache
def subject_of(recipe: Recipe) -> Subject:
    return build(recipe, write(recipe))


def verdict_on(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    # Models that were compared with their graph once are not compared again.
    monkeypatch.setattr(network, "_CHECKED", WeakKeyDictionary())
    others = tuple(name for name in CHECKS if name != fault.check)
    return judge(subject_of(fault.recipe), fault.check == "attack", without=others)


@pytest.mark.parametrize("name", FAULTS)
def test_the_judge_finds_a_fault_put_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = FAULTS[name]
    control = verdict_on(fault, monkeypatch)
    assert re.search(fault.control, control.checks[fault.check]), control
    fault.put_back(monkeypatch)
    monkeypatch.setattr(Network, "check", lambda self, x: None)
    verdict = verdict_on(fault, monkeypatch)
    assert (verdict.kind, verdict.what) == ("wrong", fault.what), verdict.detail


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.refused])
def test_the_engine_refuses_what_is_not_the_model(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = FAULTS[name]
    fault.put_back(monkeypatch)
    verdict = verdict_on(fault, monkeypatch)
    assert verdict.kind == "refused"
    assert re.search(fault.refused, verdict.what)
