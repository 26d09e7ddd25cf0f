"""A recipe as the code of a model: written by running it line by line, so that shapes are known."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from random_models.heads import HEADS
from random_models.prelude import PIECES, prelude
from random_models.recipe import Recipe, Step

IMPORTS = """import collections

import keras
import numpy as np
import tensorflow as tf

L, ops = keras.layers, keras.ops
"""
DISTURB = """rng = np.random.default_rng({seed})
for w in model.weights:  # zero biases and neutral batch norms would hide mistakes
    if "variance" in w.path:
        w.assign(rng.uniform(0.5, 1.5, w.shape))
    elif "float" in w.dtype:
        w.assign(w.numpy() + 0.2 * rng.standard_normal(w.shape).astype(w.numpy().dtype))
"""
_SCALED = "h = L.Rescaling(1 / 127.5, offset=-1)({})"
_SIZES = {"image": 4, "bytes": 4, "series": 3, "row": 2, "ids": 2}
_LARGEST = 3000  # entries of one sample, so that no drawn model is slow


class UnfitError(Exception):
    """The steps do not fit one another."""


@dataclass(frozen=True)
class Source:
    """The code of a model.

    Attributes:
      body: everything up to the last features `h`.
      head: from there to `model`.
      twin: the same without what follows the logits; empty where the head has no logits.
      weights: moves the weights off their neutral values.
      x: the inputs.
    """

    body: str
    head: str
    twin: str
    weights: str
    x: str

    @property
    def code(self) -> str:
        """The whole program, to be run by itself."""
        return f"{IMPORTS}\n{self.body}{self.head}{self.weights}{self.x}"


class Program:
    """Lines that have been run, and the names they made."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        exec(IMPORTS, self.names)
        for piece in PIECES.values():
            exec(piece, self.names)
        self.count = 0

    def run(self, line: str) -> None:
        """Runs and keeps a line; an unfit one raises and is not kept."""
        try:
            exec(line, self.names)
        except Exception as error:
            raise UnfitError(f"{line}: {type(error).__name__}: {error}") from error
        self.lines.append(line)

    def fresh(self, stem: str) -> str:
        """A name that nothing has yet."""
        self.count += 1
        return f"{stem}{self.count}"

    def shape(self, name: str = "h") -> tuple[int | None, ...]:
        """The shape of a symbolic tensor."""
        return tuple(self.names[name].shape)

    @contextlib.contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Forgets everything done inside when it does not fit."""
        lines, names, count = list(self.lines), dict(self.names), self.count
        try:
            yield
        except UnfitError:
            self.lines, self.names, self.count = lines, names, count
            raise

    def step(self, step: Step) -> None:
        """Does one step to `h`."""
        if step.family == "call":
            self.run(f"h = {step.text.replace('$', 'h')}")
        else:
            STRUCTURES[step.family](self, step)
        shape = self.shape()
        if len(shape) < 2 or len(shape) > 4 or shape[0] not in (None, 2):
            raise UnfitError(f"a tensor of shape {shape}")
        if None in shape[1:] or not 0 < np.prod(shape[1:]) <= _LARGEST:
            raise UnfitError(f"a tensor of shape {shape}")


def _residual(program: Program, step: Step) -> None:
    """Merges what came in with what the inner steps made of it; flattened where shapes differ."""
    before = program.fresh("a")
    program.run(f"{before} = h")
    for inner in step.inner:
        program.step(inner)
    first, second = before, "h"
    if program.shape(before) != program.shape():
        first, second = f"L.Dense(3)(L.Flatten()({before}))", "L.Dense(3)(L.Flatten()(h))"
    program.run(f"h = {step.text.replace('&', first).replace('$', second)}")


def _model(program: Program, steps: tuple[Step, ...], shape: str, outer: str) -> str:
    """A functional model of `steps`, and `h` as it was."""
    name, given = program.fresh("m"), program.fresh("i")
    program.run(f"{outer} = h")
    program.run(f"h = {given} = keras.Input({shape})")
    for inner in steps:
        program.step(inner)
    program.run(f"{name} = keras.Model({given}, h)")
    return name


def _nested(program: Program, step: Step) -> None:
    """A model inside the model, called as the text says, `%` standing for it."""
    outer = program.fresh("o")
    name = _model(program, step.inner, str(program.shape()[1:]), outer)
    if "%(%" in step.text and program.shape() != program.shape(outer):
        raise UnfitError("a model that can't be called on its own output")
    program.run(f"h = {step.text.replace('%', name).replace('$', outer)}")


def _distributed(program: Program, step: Step) -> None:
    """A model for each step of the second axis."""
    outer = program.fresh("o")
    name = _model(program, step.inner, str(program.shape()[2:]), outer)
    program.run(f"h = L.TimeDistributed({name})({outer})")


def _shared(program: Program, step: Step) -> None:
    """One layer called twice."""
    name = program.fresh("s")
    program.run(f"{name} = {step.text.replace('$', 'h')}")
    program.run(f"h = {name}({name}(h))")


STRUCTURES = {
    "residual": _residual, "nested": _nested, "distributed": _distributed, "shared": _shared
}  # fmt: skip


def without_weights(recipe: Recipe) -> contextlib.AbstractContextManager[Any]:
    """Where layers know shapes and make no weights; a stateful one has to make its state."""
    if recipe.wiring == "stateful":
        return contextlib.nullcontext()
    return keras.StatelessScope(initialize_variables=False)


def begin(recipe: Recipe) -> Program:
    """A program with the inputs and what joins them."""
    program = Program()
    dtype = {"bytes": ', dtype="uint8"', "ids": ', dtype="int32"'}.get(recipe.kind, "")
    fixed = recipe.wiring == "stateful"
    shape = f"batch_shape={(2, *recipe.shape)}" if fixed else str(recipe.shape)
    if recipe.nesting == "single":
        program.run(f"h = i = keras.Input({shape}{dtype})")
    else:
        program.run(f'a = keras.Input({shape}{dtype}, name="zeta")')
        program.run(f'b = keras.Input({shape}{dtype}, name="alpha")')
        program.run(f"h = {recipe.join}")
    if recipe.kind == "bytes":
        program.run(_SCALED.format("h"))
    if recipe.kind == "ids":
        program.run("h = L.Embedding(9, 3)(h)")
    if fixed:
        program.run("h = L.LSTM(3, return_sequences=True, stateful=True)(h)")
    return program


def of_floats(code: str) -> str:
    """A program of whole numbers as one of floats, which it cuts; derivatives pass the cut."""
    cut = _SCALED.format("h + ops.stop_gradient(ops.floor(h) - h)")
    return code.replace(', dtype="uint8"', "").replace(_SCALED.format("h"), cut)


def write(recipe: Recipe) -> Source:
    """The code of `recipe`.

    Raises:
      UnfitError: its steps do not fit one another.
    """
    with settings(recipe.policy), without_weights(recipe):
        program = begin(recipe)
        for step in recipe.steps:
            program.step(step)
    return finish(recipe, program)


_NESTINGS = {
    "single": ("i", "p"),
    "list": ("[a, b]", "[p, q]"),
    "dict": ('{"zeta": a, "alpha": b}', '{"zeta": p, "alpha": q}'),
    "ordered": (
        'collections.OrderedDict([("zeta", a), ("alpha", b)])',
        'collections.OrderedDict([("zeta", p), ("alpha", q)])',
    ),
    "named": ("[a, b]", '{"zeta": p, "alpha": q}'),
}


def finish(recipe: Recipe, program: Program) -> Source:
    """The code of a program whose steps are done."""
    lines = [*program.lines]
    if len(program.shape()) > 2:
        lines.append("h = L.Flatten()(h)")
    head = HEADS[recipe.head]
    whole = _model_text(recipe, head.text)
    top = [f"keras.utils.set_random_seed({recipe.seed})"]
    if recipe.policy == "floatx64":
        top.append('keras.config.set_floatx("float64")')
    elif recipe.policy != "float32":
        top.append(f'keras.config.set_dtype_policy("{recipe.policy}")')
    return Source(
        prelude("\n".join([*lines, whole])) + "\n".join([*top, *lines]) + "\n",
        whole,
        "" if head.logits is None else _model_text(recipe, head.logits),
        DISTURB.format(seed=recipe.seed),
        _inputs_text(recipe),
    )


def _model_text(recipe: Recipe, head: str) -> str:
    output = '{"y": y}' if recipe.output == "dict" else "y"
    inputs = _NESTINGS[recipe.nesting][0]
    text = f"y = {head.replace('$', 'h')}\nmodel = keras.Model({inputs}, {output})\n"
    return text + _WIRINGS.get(recipe.wiring, "")


_WIRINGS = {
    "sequential": "model = keras.Sequential([keras.Input(i.shape[1:]), *model.layers[1:]])\n",
    "own_call": "model = Cubed([keras.Input(i.shape[1:]), model])\n",
    "subclassed": "model = Net(model)\n",
}


def _inputs_text(recipe: Recipe) -> str:
    size, dtype = (2, *recipe.shape), recipe.x_dtype
    drawn = {
        "bytes": f'rng.uniform(0, 255, {size}).astype("{dtype}")',  # which Keras cuts
        "ids": f'rng.integers(0, 9, {size}).astype("int32")',
    }.get(recipe.kind, f'rng.normal(size={size}).astype("{dtype}")')
    text = f"rng = np.random.default_rng({recipe.seed + 1})\n"
    for name in ("p",) if recipe.nesting == "single" else ("p", "q"):
        text += f"{name} = {drawn}\n"
        if recipe.padded:
            text += f"{name}[:, -{max(1, recipe.shape[0] // 3)}:] = 0\n"
    return text + f"x = {_NESTINGS[recipe.nesting][1]}\n"


@contextlib.contextmanager
def settings(policy: str) -> Iterator[None]:
    """Keras' global settings as `policy` wants them, and back again; its warnings stay unsaid."""
    before = keras.config.dtype_policy(), keras.config.floatx()
    try:
        keras.config.set_floatx("float64" if policy == "floatx64" else "float32")
        keras.config.set_dtype_policy("float64" if policy == "floatx64" else policy)
        with warnings.catch_warnings():  # a model that Keras warns of is a model all the same
            warnings.simplefilter("ignore")
            yield
    finally:
        keras.config.set_floatx(before[1])
        keras.config.set_dtype_policy(before[0])


def run(code: str, policy: str) -> dict[str, Any]:
    """The names that a program makes, under `policy` in place of its own."""
    lines = [line for line in code.splitlines() if not line.startswith("keras.config.")]
    names: dict[str, Any] = {}
    with settings(policy):
        exec(f"{IMPORTS}\n" + "\n".join(lines), names)
    return names
