"""From a wrong model to the smallest one that is wrong in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from random_models.generator import is_chain
from random_models.judge import Verdict
from random_models.recipe import Recipe, Step
from random_models.source import UnfitError, write
from random_models.subject import Subject, build

Judge = Callable[[Subject], Verdict]
_FUSED = re.compile(r", activation=.*?(?=(, \w+=[^()]*)?\)\(\$\)$|(, \w+=[^()]*)?\)\)\(\$\)$)")


def shrink(subject: Subject, verdict: Verdict, judge: Judge, tries: int = 80) -> Subject:
    """The smallest subject found that is wrong in the same way.

    Args:
      subject: a wrong one.
      verdict: what was said of it.
      judge: asked again for every smaller one.
      tries: how many of them at most.
    """
    best, left, found = subject, tries, True
    while found and left > 0:
        found = False
        for recipe in smaller(best.recipe):
            left -= 1
            candidate = _wrong_alike(recipe, verdict.what, judge)
            if candidate is not None:
                best, found = candidate, True
                break
            if left <= 0:
                break
    return best


def _wrong_alike(recipe: Recipe, what: str, judge: Judge) -> Subject | None:
    try:
        candidate = build(recipe, write(recipe))
    except (UnfitError, AssertionError):
        return None
    return candidate if judge(candidate).what == what else None


def smaller(recipe: Recipe) -> Iterator[Recipe]:
    """Simpler recipes, the largest cuts first."""
    for steps in _fewer(recipe.steps):
        yield _whole(replace(recipe, steps=steps))
    for change in (
        {"policy": "float32", "x_dtype": "float32"},
        {"x_dtype": "float32"},
        {"wiring": "functional"},
        {"nesting": "single", "join": ""},
        {"output": "tensor"},
        {"padded": False},
        {"head": "logits"},
        {"head": "softmax"},
        {"kind": "row", "shape": (5,)},
        {"kind": "image", "shape": (6, 6, 1)},
        {"kind": "image", "shape": recipe.shape},
    ):
        if _adds_nothing(recipe, change):
            yield _whole(replace(recipe, **change))
    for steps in _simpler(recipe.steps):
        yield _whole(replace(recipe, steps=steps))


def _adds_nothing(recipe: Recipe, change: dict[str, object]) -> bool:
    if all(getattr(recipe, name) == value for name, value in change.items()):
        return False
    if "head" in change and recipe.head in ("logits", "softmax"):
        return False
    if change.get("kind") == "row":
        return recipe.kind != "row" and not recipe.padded and recipe.wiring != "stateful"
    if change.get("kind") == "image":
        return recipe.kind in ("image", "bytes") and change["shape"] <= recipe.shape
    return True


def _whole(recipe: Recipe) -> Recipe:
    unlisted = recipe.wiring == "sequential" and not is_chain(recipe)
    return replace(recipe, wiring="functional") if unlisted else recipe


def _fewer(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """All but one step, at any depth, and structures replaced by what is in them."""
    if len(steps) > 2:
        yield steps[len(steps) // 2 :]
        yield steps[: len(steps) // 2]
    for i, step in enumerate(steps):
        yield steps[:i] + steps[i + 1 :]
        if step.inner:
            yield steps[:i] + step.inner + steps[i + 1 :]
            for inner in _fewer(step.inner):
                if inner:
                    yield (*steps[:i], replace(step, inner=inner), *steps[i + 1 :])


def _simpler(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """A step without its activation, or with the plainest one."""
    for i, step in enumerate(steps):
        texts = [_FUSED.sub("", step.text)] if step.family == "call" else []
        for text in texts:
            if text != step.text:
                yield (*steps[:i], replace(step, text=text), *steps[i + 1 :])
        for inner in _simpler(step.inner):
            yield (*steps[:i], replace(step, inner=inner), *steps[i + 1 :])
