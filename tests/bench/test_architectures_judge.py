"""The judge of `bench/architectures.py` sees what it is there to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from designs.design import Design, Pair, ended, noise
from designs.judge import ATTACK, EXPLAINERS, SETTINGS, Verdict, attacked, explained, judged
from designs.oracle import Oracle, make_oracle
from designs.page import Row, page
from keras import layers

import tf_fragile as tff


def _pair() -> Pair:
    x = keras.Input((6, 6, 1))
    h = layers.Conv2D(3, 3, activation="relu", name="last")(x)
    return ended(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(h)))


DESIGN = Design("tiny", _pair, cam="last")


@dataclass(frozen=True)
class Faulty:
    """A method whose maps are changed on their way out."""

    method: Any
    fault: Callable[[Any], Any]

    def attribute(self, network: Any, x: Any, target: Any, seed: Any) -> Any:
        return self.fault(self.method.attribute(network, x, target, seed))

    def gap(self, network: Any, x: Any, target: Any, maps: Any) -> Any:
        return self.method.gap(network, x, target, maps)


@dataclass(frozen=True)
class Lying:
    """A method that says its sums are kept."""

    method: Any

    def attribute(self, network: Any, x: Any, target: Any, seed: Any) -> Any:
        return 2 * self.method.attribute(network, x, target, seed)

    def gap(self, network: Any, x: Any, target: Any, maps: Any) -> Any:
        return 0 * self.method.gap(network, x, target, maps)


@pytest.fixture(autouse=True)
def op_by_op() -> Iterator[None]:
    """As the runner does: each function runs once or twice, and tracing it costs more."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def oracle() -> Oracle:
    pair = _pair()
    return make_oracle(pair, noise(pair.model, -1, 1))


def _explainer(name: str, oracle: Oracle) -> tff.explainers.Explainer:
    return tff.explain(name, oracle.pair.model, **SETTINGS.get(name, {}))


def _judged(name: str, explainer: tff.explainers.Explainer, oracle: Oracle) -> Verdict:
    return judged(lambda: explained(name, explainer, oracle, DESIGN), DESIGN)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_convolutional_network_is_right(name: str, oracle: Oracle) -> None:
    assert _judged(name, _explainer(name, oracle), oracle).kind == "right"


@pytest.mark.parametrize(
    "name", ["gradient", "integrated_gradients", "deeplift_rescale", "grad_cam"]
)
def test_a_scaled_map_is_wrong(name: str, oracle: Oracle) -> None:
    explainer = _explainer(name, oracle)
    scaled = replace(explainer, method=Faulty(explainer.method, lambda maps: 1.1 * maps))
    assert _judged(name, scaled, oracle).kind == "wrong"


@pytest.mark.parametrize("name", ["lrp_epsilon", "lrp_zplus", "deeplift_rescale"])
def test_a_gap_that_is_hidden_is_wrong(name: str, oracle: Oracle) -> None:
    explainer = _explainer(name, oracle)
    verdict = _judged(name, replace(explainer, method=Lying(explainer.method)), oracle)
    assert verdict.kind == "wrong"
    assert "the gap told is off by" in verdict.text


def test_a_map_of_another_shape_is_wrong(oracle: Oracle) -> None:
    explainer = _explainer("gradient", oracle)
    cut = replace(explainer, method=Faulty(explainer.method, lambda maps: maps[:, 1:]))
    assert "shape" in _judged("gradient", cut, oracle).text


def test_another_layer_of_grad_cam_is_wrong(oracle: Oracle) -> None:
    design = replace(DESIGN, cam="")
    verdict = judged(
        lambda: explained("grad_cam", _explainer("grad_cam", oracle), oracle, design), design
    )
    assert verdict == Verdict("wrong", "answered, though no layer has places")


def test_an_answer_where_a_refusal_is_due_is_wrong(oracle: Oracle) -> None:
    design = replace(DESIGN, refuse="it is noise")
    verdict = judged(
        lambda: explained("gradient", _explainer("gradient", oracle), oracle, design), design
    )
    assert verdict == Verdict("wrong", "answered, though it is noise")


def test_a_refusal_keeps_its_sentence_and_a_crash_its_last_line() -> None:
    def refuse() -> Verdict:
        raise tff.InputError("No.\n  Not this.")

    def crash() -> Verdict:
        raise KeyError("slot")

    assert judged(refuse, DESIGN) == Verdict("refused", "No. Not this.")
    assert judged(crash, DESIGN) == Verdict("crash", "KeyError: 'slot'")


def test_an_attack_is_right_and_one_that_leaves_its_ball_is_wrong(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = _explainer("gradient", oracle)
    assert attacked(explainer, oracle, DESIGN).kind == "right"
    honest = tff.attack

    def faulty(*names: Any, **settings: Any) -> Any:
        attack = honest(*names, **settings)

        def run(*args: Any, **more: Any) -> Any:
            result = attack(*args, **more)
            return replace(result, perturbed=-result.perturbed, success=result.success | True)

        return run

    monkeypatch.setattr(tff, "attack", faulty)
    verdict = attacked(explainer, oracle, DESIGN)
    assert verdict.kind == "wrong"
    assert "it left the ball" in verdict.text


def test_a_tape_without_a_gradient_is_no_oracle(oracle: Oracle) -> None:
    for variable in oracle.pair.logits.variables:
        variable.assign(np.zeros(variable.shape))
    with pytest.raises(ValueError, match="has norm 0"):
        oracle.check()


def test_the_page_counts_and_numbers_a_sentence_once() -> None:
    sentence = "lrp has no rule for layer '{}' (Dot): it is not known."
    rows = [
        Row("examples", "one", 10, {"gradient": Verdict("right", gap=1e-7)}),
        Row("examples", "two", 10, {"gradient": Verdict("refused", sentence.format("dot"))}),
        Row("hub", "three", 10, {ATTACK: Verdict("refused", sentence.format("dot_1"))}),
        Row("hub", "four", 10, {"gradient": Verdict("wrong", "off")}),
    ]
    text = page(rows, ["One is too large."])
    assert "4 combinations: 1 right, 2 refused with a sentence, 1 wrong, 0 crashed" in text
    assert "One is too large." in text
    assert text.count("– [1]") == 2
    assert "WRONG [2]" in text
    assert "1. lrp has no rule for layer 'dot' (Dot): it is not known.\n2. off" in text
