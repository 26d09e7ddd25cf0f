"""Random models are functions of their seed, run by themselves, and shrink to what is at fault."""

from __future__ import annotations

import numpy as np
from random_models.generator import draw
from random_models.judge import Verdict
from random_models.recipe import Recipe, Step
from random_models.shrink import shrink
from random_models.source import settings, write
from random_models.subject import Subject, build


def test_a_seed_always_gives_the_same_model() -> None:
    first, second = draw(3), draw(3)
    assert first.recipe == second.recipe
    np.testing.assert_array_equal(first.y, second.y)


def test_the_printed_program_is_the_model() -> None:
    subject = draw(5)
    names: dict[str, object] = {}
    with settings("float32"):  # which a program may change
        exec(subject.source.code, names)
    np.testing.assert_allclose(names["model"](names["x"], training=False), subject.y, rtol=1e-6)


def test_a_wrong_model_shrinks_to_the_step_at_fault() -> None:
    def judge(subject: Subject) -> Verdict:
        return Verdict("wrong", "tanh") if "tanh" in subject.source.body else Verdict("right")

    inner = (Step("call", 'L.Dense(4, activation="relu")($)'), Step("call", "ops.tanh($)"))
    steps = (Step("call", "L.Dense(3)($)"), Step("nested", "%($)", inner), Step("call", "$ * 2"))
    recipe = Recipe(1, "row", (5,), "list", "a - b", steps, head="log_softmax", policy="float64")
    least = shrink(build(recipe, write(recipe)), Verdict("wrong", "tanh"), judge)
    assert least.recipe == Recipe(1, "row", (5,), steps=(Step("call", "ops.tanh($)"),))
