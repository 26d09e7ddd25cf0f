"""A recipe: everything that makes one random model, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One thing done to the tensor at hand.

    Attributes:
      family: `"call"` for one expression, or a structure of `source.STRUCTURES`.
      text: Python in which `$` stands for the tensor at hand (and `&` for the tensor that came
        into a residual block); what a structure does with it is its own affair.
      inner: the steps inside a structure.
    """

    family: str
    text: str
    inner: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A model, its weights and its inputs, a function of nothing else.

    Attributes:
      seed: of weights and inputs.
      kind: of the input: `"image"`, `"series"`, `"row"`, `"bytes"` (an image of whole numbers into
        `keras.Input(dtype="uint8")`) or `"ids"` (token ids).
      shape: of one sample of an input.
      nesting: `"single"`, or for two inputs `"list"`, `"dict"`, `"ordered"` (an `OrderedDict`) or
        `"named"` (a model of a list, fed a dict).
      join: how two inputs become one tensor, a text of `a` and `b`.
      steps: what happens to it.
      head: a name of `heads.HEADS`.
      wiring: `"functional"`, `"sequential"`, `"subclassed"`, `"own_call"` (a Sequential whose call
        adds a step) or `"stateful"` (a fixed batch).
      output: `"tensor"`, or `"dict"` for one output in a dict.
      policy: the dtype policy; `"floatx64"` is float64 everywhere, inputs too.
      x_dtype: of the inputs fed.
      padded: whether the last third of a series is zero.
    """

    seed: int
    kind: str
    shape: tuple[int, ...]
    nesting: str = "single"
    join: str = ""
    steps: tuple[Step, ...] = ()
    head: str = "logits"
    wiring: str = "functional"
    output: str = "tensor"
    policy: str = "float32"
    x_dtype: str = "float32"
    padded: bool = False
