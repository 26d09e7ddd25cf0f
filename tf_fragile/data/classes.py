"""What each output of a model is called, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Classes:
    """The one mapping between names of classes and outputs.

    Attributes:
      names: for people, one an output, in the order of the outputs.
      keys: what folders of them are called, e.g. WordNet ids; the names where `None`.
      origin: how it is known, a clause such as `"--classes=names.txt"`.
    """

    names: tuple[str, ...]
    origin: str
    keys: tuple[str, ...] | None = None
