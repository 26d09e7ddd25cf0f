"""Conventions that every relevance method takes as named settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, Literal

from tf_fragile.errors import InputError
from tf_fragile.explainers.propagation import (
    BATCH_NORMS,
    HEADS,
    BatchNorm,
    Head,
    check_choice,
)

First = Literal["flat", "wsquare", "box"] | None
Residual = Literal["proportional", "copy", "alpha_beta"]
AveragePool = Literal["proportional", "gradient"]


@dataclass(frozen=True)
class Conventions:
    """What the rule of the weighted layers leaves open.

    Attributes:
      head: relevance of the output: the `"logit"`, which may be negative, `"one"`, or `"relu"`,
        the logit's positive part.
      first: a rule of its own for weighted layers next to the input: `"flat"`, `"wsquare"`, or
        `"box"` (z^B), which needs `low` and `high`.
      low: the smallest value that the model's input can have: a number, or an array that
        broadcasts to one sample; in the model's nesting for several inputs.
      high: the largest.
      residual: how an Add shares relevance: in `"proportional"` shares of its summands, as a
        `"copy"` to each, or by the `"alpha_beta"` rule of the weighted layers.
      add_clip: whether the αβ shares of an Add are clipped to [0, 1000].
      average_pool: `"proportional"` to the inputs, or by the `"gradient"`, equally.
      batch_norm: `"fold_zformula"` folds into the weighted neighbour and gives `x γ R / y` to the
        rest, as LRP-0 does; `"fold"` passes the rest through unchanged, as Zennit does, which has
        no bound where an offset follows an Add; `"depthwise"` treats each as a depthwise
        convolution; `"pass"` hands relevance through; `"zformula"` folds none.
    """

    head: Head = "logit"
    first: First = None
    low: Any = None
    high: Any = None
    residual: Residual = "proportional"
    add_clip: bool = False
    average_pool: AveragePool = "proportional"
    batch_norm: BatchNorm = "fold_zformula"

    def __post_init__(self) -> None:
        check_choice("head", self.head, HEADS)
        check_choice("residual rule", self.residual, ("proportional", "copy", "alpha_beta"))
        check_choice("average-pool rule", self.average_pool, ("proportional", "gradient"))
        check_choice("batch-norm treatment", self.batch_norm, BATCH_NORMS)
        if self.first is not None:
            check_choice("first-layer rule", self.first, ("flat", "wsquare", "box"))
        bounds = (self.low is not None) + (self.high is not None)
        if bounds != (2 if self.first == "box" else 0):
            raise InputError(
                "The first-layer rule 'box' needs the bounds of the input, low and high, and no "
                "other rule takes them; give e.g. first='box', low=0, high=255."
            )


def with_conventions(**defaults: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a maker of methods the fields of `Conventions` as settings.

    The maker takes its own settings and `conventions`; the result takes its own settings and each
    field by name, with `defaults` in place of the fields' own defaults.
    """
    own = {field.name: defaults.get(field.name, field.default) for field in fields(Conventions)}

    def decorate(make: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(make)
        def made(*args: Any, **settings: Any) -> Any:
            chosen = {name: settings.pop(name, value) for name, value in own.items()}
            return make(*args, conventions=Conventions(**chosen), **settings)

        parameters = inspect.signature(make).parameters.values()
        kept = [p for p in parameters if p.name != "conventions"]
        keyword = inspect.Parameter.KEYWORD_ONLY
        kept += [inspect.Parameter(n, keyword, default=value) for n, value in own.items()]
        made.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
        return made

    return decorate
