"""The flags of a figure, and the figure as they ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Images:
    """The flags of a figure that looks at a network and images.

    Attributes:
      model: a network of the zoo; with a flag `--model` where `chosen`.
      chosen: whether it may be another.
      data: default of `--data`; has to be given where `None`.
      weights: what is said of `--weights`.
      weights_needed: whether weights have to be given.
      several_weights: whether they are a list.
    """

    model: str = "squeezenet_v1.0"
    chosen: bool = False
    data: str | None = None
    weights: str = "Weights of the network."
    weights_needed: bool = False
    several_weights: bool = False


def _as_given(given: Any) -> Any:
    return given


@dataclass(frozen=True, eq=False)
class Flags:
    """Flags of a figure, and what they amount to.

    Attributes:
      define: defines them; called once, before flags are parsed.
      read: what the parsed ones, attributes of its argument, ask for; raises `InputError` for what
        can't be, before anything is opened.
    """

    define: Callable[[], None]
    read: Callable[[Any], Any] = _as_given


@dataclass(frozen=True, eq=False)
class Asked:
    """A figure as it was asked for.

    Attributes:
      name: of the figure.
      settings: the preset, with what flags say in place of its fields.
      given: the parsed flags, as attributes.
      more: what its further flags say.
      model: the network of the zoo; empty for figures without one.
    """

    name: str
    settings: Any
    given: Any
    more: Any = None
    model: str = ""
