"""What is known of a registered probe before any model is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what stands there takes seconds to import, and a command line answers at once
    from tf_fragile.probes.contract import About, Bound, Subject, View

Range = tuple[float, float] | None
"""Smallest and largest value of data that are stored as a model takes them; None for pixels."""


def _as_written(given: Mapping[str, Any], bounds: Range) -> dict[str, Any]:
    return dict(given)


def _anything(settings: Any, budget: str, bounds: Range, told: bool) -> None:
    """Settings that fit any budget and data."""


@dataclass(frozen=True)
class Entry:
    """A probe as the table of probes has it.

    Attributes:
      question: what it asks, in a line.
      settings: a frozen dataclass, each field a `setting(...)`.
      bind: makes it of settings and a subject; raises `InputError` where it does not fit the model.
      view: makes what is said of its records.
      check: raises `InputError` for settings that don't go with a budget or the data's range,
        before anything is opened; the range may not be told yet.
      understood: settings from what was written on a command line, where that depends on the
        data's range; its values are those of the settings' descriptions, but texts for `as_text`.
      as_text: settings whose flag is a list of texts, which `understood` reads.
      bare: whether its settings have flags without its name, `--SETTING` for `--NAME.SETTING`.
    """

    question: str
    settings: type
    bind: Callable[[Any, Subject], Bound]
    view: Callable[[About], View]
    check: Callable[[Any, str, Range, bool], None] = _anything
    understood: Callable[[Mapping[str, Any], Range], dict[str, Any]] = _as_written
    as_text: tuple[str, ...] = ()
    bare: bool = False
