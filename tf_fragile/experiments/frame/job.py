"""What has to be computed for a figure, and what is made of it: data that the runner reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.probes.contract import Probe
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.tasks import Task, Work


@dataclass(frozen=True, eq=False)
class Run:
    """A probe on a subject, in a run directory of its own.

    Attributes:
      name: what the figure calls it.
      directory: where its records go; figures that name the same one share what is there.
      probe: makes the probe, when its turn has come.
      table: the probe's name.
      subject: network and data.
      positions: of the images, in order of preference.
      tasks: the whole work.
      settings: everything that decides the records, as JSON values.
      size: images a task.
      work: what all tasks cost; the first of its lines is that of the plan.
      may_refuse: whether a refusal, as of a layer that the method does not know, leaves this run
        out; otherwise it ends the figure.
    """

    name: str
    directory: Path
    probe: Callable[[], Probe]
    table: str
    subject: Subject
    positions: tuple[int, ...]
    tasks: Sequence[Task]
    settings: Mapping[str, Any]
    size: int
    work: Work = field(default_factory=Work)
    may_refuse: bool = False


def run_of(
    name: str,
    directory: Path,
    probe: Probe,
    subject: Subject,
    positions: Sequence[int],
    *,
    settings: Mapping[str, Any],
    size: int,
) -> Run:
    """The run of a probe that is made already, which says itself what it costs.

    Args:
      name: what the figure calls it.
      directory: where its records go.
      probe: what is asked.
      subject: network and data.
      positions: of the images.
      settings: everything that decides the records, as JSON values.
      size: images a task.
    """
    chosen = tuple(map(int, positions))
    tasks = probe.tasks(chosen, size)
    work = probe.work(tasks)
    return Run(
        name, directory, lambda: probe, probe.name, subject, chosen, tasks, settings, size, work
    )


@dataclass(frozen=True, eq=False)
class Table:
    """A table that is computed and kept, without any probe.

    Attributes:
      name: which part of the figure it is, for people.
      settings: everything that decides it besides the figure, the seed and the versions, as JSON
        values.
      compute: it, a pure function of these.
    """

    name: str
    settings: Mapping[str, Any]
    compute: Callable[[], pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Found:
    """What was computed.

    Attributes:
      records: of each run, by its name.
      manifests: likewise.
      tables: by name.
      refused: the sentence of each run that was left out.
    """

    records: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def together(self) -> pd.DataFrame:
        """The records of all runs."""
        return pd.concat(self.records.values(), ignore_index=True)

    @property
    def table(self) -> pd.DataFrame:
        """The rows of all tables."""
        return pd.concat(self.tables.values(), ignore_index=True)


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a figure leaves behind, by the endings of the files, as `.csv` and `.summary.csv`.

    Attributes:
      tables: written with six significant digits.
      pictures: each writes a PNG at the path it is given.
      texts: other files.
      told: for people, when all is written.
      facts: for the manifest, as JSON values.
    """

    tables: Mapping[str, pd.DataFrame]
    pictures: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    told: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Job:
    """A figure that is ready to be made.

    Attributes:
      name: of its files.
      draw: makes tables and pictures of what was computed; computes nothing that takes long.
      runs: probes to run.
      tables: tables to compute.
      lines: of the plan, before the work.
      notes: of the plan, after it.
      facts: for the manifest, as JSON values.
      rows: images in memory at once, for the measurement of how long a forward pass takes.
    """

    name: str
    draw: Callable[[Found], Drawn]
    runs: Sequence[Run] = ()
    tables: Sequence[Table] = ()
    lines: Sequence[str] = ()
    notes: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 1
