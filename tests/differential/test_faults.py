"""The test of the test: with a fault put into the engine, the judge says wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from random_models import reference
from random_models.judge import CHECKS, Verdict, judge
from random_models.recipe import Recipe, Step
from random_models.source import write
from random_models.subject import Subject, build

import tf_fragile as tff
from tf_fragile.attacks.result import AttackResult

Answer = Callable[[Any, Any], Any]


@functools.cache
def subject_of(recipe: Recipe) -> Subject:
    return build(recipe, write(recipe))


def steps(*texts: str) -> tuple[Step, ...]:
    return tuple(Step("call", text) for text in texts)


ROW = Recipe(1, "row", (5,), steps=steps('L.Dense(4, activation="relu")($)'), head="softmax")
PAIR = Recipe(
    2, "row", (5,), "dict", "L.Subtract()([a, b])", steps('L.Dense(4, activation="tanh")($)')
)
SERIES = Recipe(3, "series", (6, 3), steps=steps("L.Masking()($)", "L.LSTM(4)($)"), padded=True)


class Faulty:
    """An explainer that answers, and counts, as it is told; else it is the one it stands for."""

    def __init__(self, explainer: Any, answer: Answer | None = None, gap: Any = None) -> None:
        self.explainer, self.answer, self.measured = explainer, answer, gap

    def __getattr__(self, name: str) -> Any:
        return getattr(self.explainer, name)

    def __call__(self, x: Any, target: Any = None) -> Any:
        maps = self.explainer(x, target)
        return maps if self.answer is None else self.answer(maps, x)

    def gap(self, *given: Any) -> Any:
        value = self.explainer.gap(*given)
        return value if self.measured is None else self.measured(value)


def judged_with(
    monkeypatch: pytest.MonkeyPatch,
    subject: Subject,
    method: str,
    answer: Answer | None = None,
    gap: Any = None,
) -> Verdict:
    """The verdict on an engine whose `method` answers wrongly."""
    explain = tff.explain

    def faulty(name: str, *given: Any, **settings: Any) -> Any:
        explainer = explain(name, *given, **settings)
        return Faulty(explainer, answer, gap) if name == method else explainer

    monkeypatch.setattr(tff, "explain", faulty, raising=False)
    return judge(subject, without=tuple(name for name in CHECKS if name != method))


@pytest.mark.parametrize("recipe", [ROW, PAIR, SERIES])
def test_an_engine_without_fault_is_right(recipe: Recipe) -> None:
    verdict = judge(subject_of(recipe))
    assert (verdict.kind, verdict.what) == ("right", "")


def test_a_scaled_gradient_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged_with(monkeypatch, subject_of(ROW), "gradient", lambda maps, x: 1.01 * maps)
    assert verdict.what == "gradient: gradient of the predicted class"


def test_swapped_inputs_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def swapped(maps: Any, x: Any) -> Any:
        return {"zeta": maps["alpha"], "alpha": maps["zeta"]}

    verdict = judged_with(monkeypatch, subject_of(PAIR), "gradient", swapped)
    assert verdict.what == "gradient: gradient of the predicted class"


def test_a_dropped_mask_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(SERIES)
    bare = subject_of(Recipe(3, "series", (6, 3), steps=SERIES.steps[1:], padded=True))
    bare.model.set_weights(subject.model.get_weights())
    without_mask = tff.explain("gradient", bare.model)
    verdict = judged_with(monkeypatch, subject, "gradient", lambda maps, x: without_mask(x))
    assert verdict.what == "gradient: gradient of the predicted class"


def test_probabilities_taken_for_logits_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(ROW)

    def of_probabilities(maps: Any, x: Any) -> Any:
        return reference.gradient(subject.model, x, subject.y.argmax(1)).astype(x.dtype)

    verdict = judged_with(monkeypatch, subject, "gradient", of_probabilities)
    assert verdict.what == "gradient: gradient of the predicted class"


def test_a_gap_of_zero_by_word_alone_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged_with(monkeypatch, subject_of(ROW), "lrp_epsilon", gap=np.zeros_like)
    assert verdict.what == "lrp_epsilon: gap"


def test_contributions_that_miss_their_sum_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged_with(
        monkeypatch, subject_of(ROW), "deeplift_rescale", lambda maps, x: maps + 0.01
    )
    assert verdict.what == "deeplift_rescale: sum"


def test_a_map_of_another_shape_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged_with(monkeypatch, subject_of(ROW), "gradient", lambda maps, x: maps[:, :1])
    assert verdict.what == "gradient: a map of another shape"


def test_a_crash_is_wrong_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(maps: Any, x: Any) -> Any:
        raise IndexError("tuple index out of range")

    verdict = judged_with(monkeypatch, subject_of(ROW), "gradient", crashing)
    assert verdict.what.startswith("gradient: crash, IndexError")


@pytest.mark.parametrize("head", ["ensemble", "one_linear_unit"])
def test_an_answer_where_only_a_refusal_is_right_is_wrong(head: str, monkeypatch: Any) -> None:
    subject = subject_of(Recipe(1, "row", (5,), steps=ROW.steps, head=head))
    verdict = judged_with(monkeypatch, subject, "gradient")
    refused = verdict.kind == "refused"
    assert refused or verdict.what == f"gradient: head {head} explained without a word"


def attacked_with(monkeypatch: pytest.MonkeyPatch, subject: Subject, **changes: Any) -> Verdict:
    """The verdict on an engine whose attack reports something else than it found."""
    make = tff.attack

    def faulty(*given: Any, **settings: Any) -> Any:
        attack = make(*given, **settings)

        def run(*given: Any, **settings: Any) -> AttackResult:
            result = attack(*given, **settings)
            for name, change in changes.items():
                object.__setattr__(result, name, change(result))
            return result

        return run

    monkeypatch.setattr(tff, "attack", faulty, raising=False)
    return judge(subject, True, without=("gradient", "lrp_epsilon", "deeplift_rescale"))


ALL = {"success": lambda r: np.ones_like(r.success), "stuck": lambda r: np.zeros_like(r.stuck)}


def test_a_success_that_changed_the_label_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(ROW)
    rng = np.random.default_rng(0)
    others = np.stack([_other_label(subject, rng, i) for i in range(2)])
    verdict = attacked_with(monkeypatch, subject, perturbed=lambda r: others[None], **ALL)
    assert verdict.what == "attack: success, and the label changed"


def _other_label(subject: Subject, rng: np.random.Generator, i: int) -> np.ndarray:
    """An input of another label than sample `i` has."""
    own = subject.y[i].argmax()
    while True:
        x = rng.normal(size=(1, 5), scale=3).astype("float32")
        if tf.argmax(subject.model(x), 1)[0] != own:
            return x[0]


def test_a_success_outside_of_the_ball_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(ROW)
    far = lambda r: r.perturbed + np.float32(1e-3) * np.sign(r.perturbed - subject.x)  # noqa: E731
    verdict = attacked_with(monkeypatch, subject, perturbed=far, **ALL)
    assert verdict.what == "attack: out of the ball"


def test_an_overlap_that_was_not_reached_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def claim(result: AttackResult) -> dict[str, np.ndarray]:
        return {"top_k_intersection": np.full_like(result.metrics["top_k_intersection"], -1.0)}

    verdict = attacked_with(monkeypatch, subject_of(ROW), metrics=claim, **ALL)
    assert verdict.what == "attack: the overlap claimed"


def test_an_attack_that_never_moved_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {**ALL, "stuck": lambda r: np.ones_like(r.stuck)}
    verdict = attacked_with(monkeypatch, subject_of(ROW), **changes)
    assert verdict.what == "attack: an attack that never moved is called a success"
