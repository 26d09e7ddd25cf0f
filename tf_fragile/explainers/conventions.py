"""Conventions that every relevance method takes as named settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Literal

from tf_fragile.backprop.explained import Head
from tf_fragile.backprop.prepared import BatchNorm
from tf_fragile.errors import InputError
from tf_fragile.settings import check, described, setting

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
    first: First = setting(None, named="first-layer rule")
    low: Any = setting(None, values=True)
    high: Any = setting(None, values=True)
    residual: Residual = setting("proportional", named="residual rule")
    add_clip: bool = False
    average_pool: AveragePool = setting("proportional", named="average-pool rule")
    batch_norm: BatchNorm = setting("fold_zformula", named="batch-norm treatment")

    def __post_init__(self) -> None:
        check(self)
        bounds = (self.low is not None) + (self.high is not None)
        if bounds != (2 if self.first == "box" else 0):
            raise InputError(
                "The first-layer rule 'box' needs the bounds of the input, low and high, and no "
                "other rule takes them; give e.g. first='box', low=0, high=255."
            )


def with_conventions(
    *parts: type, **defaults: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a maker of methods the fields of `Conventions` as settings.

    The maker takes its own settings and `conventions`; the result takes its own settings and each
    field by name, with `defaults` in place of the fields' own defaults.

    Args:
      *parts: the dataclasses that the maker's own settings go to, which describe them.
      **defaults: by field.
    """
    shared = {
        name: replace(one, default=defaults.get(name, one.default))
        for name, one in described(Conventions).items()
    }

    def decorate(make: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(make)
        def made(*args: Any, **settings: Any) -> Any:
            if settings.get("add_clip") and settings.get("residual", residual) != "alpha_beta":
                raise InputError(
                    "add_clip clips the shares of residual='alpha_beta' and no other; leave it out "
                    "or give that."
                )
            chosen = {name: settings.pop(name, one.default) for name, one in shared.items()}
            return make(*args, conventions=Conventions(**chosen), **settings)

        residual = shared["residual"].default
        known = {name: one for part in parts for name, one in described(part).items()}
        own = described(make)
        parameters = inspect.signature(make).parameters.values()
        kept = [p for p in parameters if p.name != "conventions"]
        made.__described__ = {  # type: ignore[attr-defined]
            p.name: replace(known.get(p.name, own[p.name]), default=p.default) for p in kept
        } | shared
        keyword = inspect.Parameter.KEYWORD_ONLY
        kept += [inspect.Parameter(n, keyword, default=one.default) for n, one in shared.items()]
        made.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
        return made

    return decorate
