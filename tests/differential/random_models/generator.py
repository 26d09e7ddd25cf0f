"""A seed as a recipe: steps are drawn until enough of them fit one another."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from random import Random

from random_models.families import draw_text
from random_models.heads import HEADS
from random_models.prelude import PIECES
from random_models.recipe import Recipe, Step
from random_models.source import (
    Program,
    Source,
    UnfitError,
    begin,
    finish,
    settings,
    without_weights,
)
from random_models.subject import Subject, build

_KINDS = {"image": 50, "series": 26, "row": 18, "bytes": 3, "ids": 1.5}
_NESTINGS = {"single": 78, "list": 6, "dict": 6, "ordered": 5, "named": 5}
_POLICIES = {"float32": 74, "float64": 8, "floatx64": 4, "mixed_float16": 7, "mixed_bfloat16": 7}
_JOINS = (
    "L.Concatenate()([a, L.Dense(2)(b)])",
    "L.Subtract()([a, b])",
    "L.Add()([L.Dense(3)(a), b * 0.3 if a.shape[-1] == 3 else L.Dense(3)(b)])",
    "a * ops.sigmoid(b)",
    'named_pair(a)({"right": a, "left": b})',
    'named_pair(a)({"left": b, "right": a})',
    "listed_pair(a)([b, a])",
)
_MERGES = (
    "L.Add()([&, $])",
    "L.Add()([$, &])",
    "& + $",
    "L.Subtract()([&, $])",
    "L.Multiply()([&, $])",
    "L.Average()([&, $])",
    "L.Maximum()([&, $])",
    "L.Concatenate()([&, $])",
)
_NESTED = (
    "%($)",
    "%($)",
    "%(inputs=$)",
    "%(%($))",
    "L.Subtract()([%($), %(0.5 * $)])",
    "keras.Sequential([%])($)",
    "keras.Sequential([keras.Sequential([%])])($)",
    "%($)",
    "%(inputs=$)",
    "keras.Sequential([%])($)",
    "%(%($))",
    "Net(%)($)",
    "Cubed([%])($)",
)
_STRUCTURES = {"call": 70, "residual": 12, "nested": 11, "distributed": 2, "shared": 5}
_TRIES = 12
# What faults were once about and chance seldom puts together, and the share of seeds that begin
# with it. Shapes stay, so that the steps that follow are those that the seed gives anyway.
_FALLING = Step("call", 'L.MaxPooling2D(2, strides=1, padding="same")(ops.leaky_relu($, -0.5))')
_CAUSAL = Step("call", "attend($, causal($), 3)")
_RECURRENT = ("L.Dense(3)($)", "L.LSTM(3, return_sequences=True)($)")
_MASKED = Step("nested", "%(L.Masking()($))", tuple(Step("call", text) for text in _RECURRENT))
_UNMASKED = replace(_MASKED, text="0.9 * %(L.Masking()($))")  # an operation hands no mask on
_OPENINGS = {"image": (0.08, (_FALLING,)), "series": (0.4, (_CAUSAL, _MASKED, _UNMASKED))}


def _choose(r: Random, table: dict[str, float]) -> str:
    return r.choices(list(table), list(table.values()))[0]


def generate(seed: int) -> tuple[Recipe, Source]:
    """The recipe of `seed`, and its code; its steps fit, though Keras may not run it on data."""
    return _generate(Random(seed), seed)


def draw(seed: int) -> Subject:
    """The model of `seed`: the first that Keras itself runs, of those that the seed gives."""
    r = Random(seed)
    while True:
        recipe, source = _generate(r, seed)
        with contextlib.suppress(UnfitError):
            return build(recipe, source)


def _generate(r: Random, seed: int) -> tuple[Recipe, Source]:
    recipe = _frame(r, seed)
    with settings(recipe.policy), without_weights(recipe):
        program = begin(recipe)
        opening = _opening(recipe)
        recipe = replace(recipe, padded=recipe.padded or opening in ((_MASKED,), (_UNMASKED,)))
        for step in opening:
            program.step(step)
        steps = (*opening, *_steps(r, program, r.randint(2, 6), depth=0))
    recipe = replace(recipe, steps=steps)
    if recipe.wiring == "sequential" and not is_chain(recipe):
        recipe = replace(recipe, wiring="functional")
    return recipe, finish(recipe, program)


def is_chain(recipe: Recipe) -> bool:
    """Whether every step is one layer called on the tensor at hand, so that a list says all."""
    texts = [step.text for step in recipe.steps if step.family == "call"]
    classes = ("L.", *(f"{name}(" for name in PIECES if name[0].isupper()))
    return len(texts) == len(recipe.steps) and all(
        text.startswith(classes) and text.endswith(")($)") and text.count("$") == 1
        for text in [*texts, HEADS[recipe.head].text]
    )


def _frame(r: Random, seed: int) -> Recipe:
    kind, policy = _choose(r, _KINDS), _choose(r, _POLICIES)
    channels = r.randint(1, 3)
    shape = {
        "image": (r.randint(6, 9), r.randint(6, 9), channels),
        "bytes": (7, 7, channels),
        "series": (6, 3),
        "row": (5,),
        "ids": (6,),
    }[kind]
    nesting = _choose(r, _NESTINGS) if kind in ("image", "series", "row") else "single"
    wirings = {"functional": 75, "sequential": 14, "subclassed": 4, "own_call": 1.5}
    wirings |= {"stateful": 2} if kind == "series" else {}
    wiring = _choose(r, wirings) if nesting == "single" and kind != "bytes" else "functional"
    heads = {name: head.weight for name, head in HEADS.items()}
    return Recipe(
        seed=seed,
        kind=kind,
        shape=shape,
        nesting=nesting,
        join="" if nesting == "single" else r.choice(_JOINS),
        head=_choose(r, heads),
        wiring=wiring,
        output="dict" if wiring == "functional" and r.random() < 0.04 else "tensor",
        policy=policy,
        x_dtype="float64" if policy == "floatx64" and r.random() < 0.6 else "float32",
        padded=kind == "series" and r.random() < 0.5,
    )


def _opening(recipe: Recipe) -> tuple[Step, ...]:
    """One of the `_OPENINGS`, or none."""
    r = Random(f"opening of {recipe.seed}")  # of its own: what else a seed gives stays as it is
    share, known = _OPENINGS.get(recipe.kind, (0.0, ()))
    fits = recipe.nesting == "single"  # what joins inputs may change the channels
    return (r.choice(known),) if fits and r.random() < share else ()


def _steps(r: Random, program: Program, count: int, depth: int) -> tuple[Step, ...]:
    """Up to `count` steps that fit, done to the program."""
    done: list[Step] = []
    for _ in range(count):
        step = _step(r, program, depth)
        if step is not None:
            done.append(step)
    return tuple(done)


def _step(r: Random, program: Program, depth: int) -> Step | None:
    for _ in range(_TRIES):
        family = "call" if depth > 1 else _choose(r, _STRUCTURES)
        try:
            with program.undone_on_error():
                step = _drawn(r, program, family, depth)
                program.step(step)
                return step
        except UnfitError:
            continue
    return None


def _drawn(r: Random, program: Program, family: str, depth: int) -> Step:
    rank = len(program.shape())
    if family == "call":
        return Step(family, draw_text(r, rank))
    if family == "shared":
        act = r.choice(["", ', activation="relu"', ', activation="tanh"'])
        layer = {
            4: 'Conv2D($.shape[-1], 3, padding="same"',
            3: 'Conv1D($.shape[-1], 3, padding="same"',
        }
        return Step(family, f"L.{layer.get(rank, 'Dense($.shape[-1]')}{act})")
    if family == "distributed" and rank < 3:
        raise UnfitError("no axis to distribute over")
    text = {"residual": _MERGES, "nested": _NESTED}.get(family, ("",))
    inner = _inner(r, program, family, depth)
    if not inner:
        raise UnfitError("nothing inside")
    return Step(family, r.choice(text), inner)


def _inner(r: Random, program: Program, family: str, depth: int) -> tuple[Step, ...]:
    """Steps that fit in a row inside a structure, tried on a copy of the program."""
    trial = Program()
    trial.names, trial.count = dict(program.names), program.count
    shape = program.shape()[2:] if family == "distributed" else program.shape()[1:]
    if family in ("nested", "distributed"):
        trial.run(f"h = keras.Input({shape})")
    return _steps(r, trial, r.randint(1, 3), depth + 1)
