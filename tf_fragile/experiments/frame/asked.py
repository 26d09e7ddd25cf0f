"""A figure as it was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
