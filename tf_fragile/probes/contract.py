"""What a probe is: a question about explanations, asked in tasks, answered in records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import pandas as pd

from tf_fragile.report.blocks import Section
from tf_fragile.report.verdict import Verdict
from tf_fragile.runs.records import Keys
from tf_fragile.runs.tasks import Arrays, Findings, Row, Task

__all__ = ["Artefact", "Findings", "Pictured", "Probe", "Progress", "Row", "Task", "View", "Work"]

Progress = Callable[[int], None]
"""Told how many ticks were done since the last call."""


@dataclass(frozen=True)
class Work:
    """What tasks cost.

    Attributes:
      forwards: forward passes of one image.
      ticks: of the bar that runs during a task.
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


class Artefact(Protocol):
    """Something that tasks share: patterns, trained nets, factors. Built once, then only read.

    Attributes:
      key: a hash of all that made it.
      work: what building it costs.
    """

    key: str
    work: Work

    def build(self, path: Path) -> None:
        """Writes it to `path`, which is renamed when it is whole."""
        ...


class Probe(Protocol):
    """Frozen settings bound to a model, its data and its explainers.

    Attributes:
      name: of the probe, and of its tables.
      keys: its own columns.
    """

    name: ClassVar[str]
    keys: ClassVar[Keys]

    def artefacts(self) -> Sequence[Artefact]:
        """What has to be there before a task begins; may be empty."""
        ...

    def tasks(self, positions: Sequence[int], size: int) -> Sequence[Task]:
        """The whole work on images at `positions`, about `size` of them a task."""
        ...

    def work(self, tasks: Sequence[Task]) -> Work:
        """What tasks cost."""
        ...

    def __call__(self, task: Task, progress: Progress | None = None) -> Findings:
        """Does a task: a pure function of it and the artefacts, which restores what it touched."""
        ...


class View(Protocol):
    """What may be said of a probe's records; knows nothing else, so it can be said again anywhere.

    Attributes:
      name: of the probe.
    """

    name: ClassVar[str]

    def summary(self, records: pd.DataFrame) -> pd.DataFrame:
        """Means over images with their intervals."""
        ...

    def verdicts(self, records: pd.DataFrame, summary: pd.DataFrame) -> Sequence[Verdict]:
        """A word on each explainer and question."""
        ...

    def sections(
        self, records: pd.DataFrame, summary: pd.DataFrame, pictures: Arrays
    ) -> Sequence[Section]:
        """What a report shows."""
        ...

    def sentence(self, verdict: Verdict) -> str:
        """A verdict in words."""
        ...


@runtime_checkable
class Pictured(Protocol):
    """A probe that can show images which are chosen when all records are there."""

    def pictures(
        self, samples: Sequence[int], records: pd.DataFrame, progress: Progress | None = None
    ) -> Mapping[int, Arrays]:
        """Pictures of samples, each with names of its own."""
        ...
