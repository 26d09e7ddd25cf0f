"""What is computed and written together, what it costs, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tf_fragile.errors import InputError

Row = Mapping[str, Any]
Arrays = Mapping[str, NDArray[np.generic]]
Progress = Callable[[int], None]
"""Told how many ticks were done since the last call."""


@dataclass(frozen=True)
class Task:
    """A piece of a probe's work, small enough to lose.

    Attributes:
      number: which, from 0.
      positions: the samples' positions in the data.
      part: what of the work on them it is: a state of the model, a class pair; the probe's own.
    """

    number: int
    positions: tuple[int, ...]
    part: str = ""


@dataclass(frozen=True)
class Work:
    """What tasks, or an artefact, cost.

    Attributes:
      forwards: forward passes of one image.
      ticks: of the bar that runs meanwhile.
      builds: functions to trace and compile.
      lines: the work for people.
    """

    forwards: float = 0.0
    ticks: int = 0
    builds: int = 0
    lines: tuple[str, ...] = ()

    def __add__(self, other: Work) -> Work:
        return Work(
            self.forwards + other.forwards,
            self.ticks + other.ticks,
            self.builds + other.builds,
            (*self.lines, *other.lines),
        )


@dataclass(frozen=True)
class Findings:
    """What a task gives.

    Attributes:
      rows: records, keys of `records.BASE` and of the probe.
      pictures: arrays by a name that no other task uses.
    """

    rows: Sequence[Row]
    pictures: Arrays = field(default_factory=dict)


def cut(positions: Iterable[int], size: int) -> tuple[Task, ...]:
    """Cuts positions into consecutive tasks of `size` samples, the last one maybe smaller.

    Raises:
      InputError: if `size` is below 1 or a position occurs twice.
    """
    numbers = [int(position) for position in positions]
    if size < 1:
        raise InputError(f"A shard size of {size} holds no sample; choose at least 1.")
    if len(set(numbers)) != len(numbers):
        raise InputError("A sample occurs twice in the plan; give each position once.")
    starts = range(0, len(numbers), size)
    return tuple(Task(i, tuple(numbers[at : at + size])) for i, at in enumerate(starts))
