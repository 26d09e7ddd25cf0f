"""What a probe is: a question about explanations, asked in tasks, answered in records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol, runtime_checkable

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Source
from tf_fragile.derivatives import Decision, trusted
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.report.blocks import Section
from tf_fragile.report.verdict import Verdict
from tf_fragile.runs.artefacts import Artefact, Store
from tf_fragile.runs.records import Keys
from tf_fragile.runs.tasks import Arrays, Findings, Progress, Row, Task, Work

__all__ = [
    "About",
    "Artefact",
    "Bound",
    "Findings",
    "Pictured",
    "Probe",
    "Progress",
    "Row",
    "Showing",
    "Subject",
    "Task",
    "View",
    "Work",
]


_CHECKED = 3  # samples on which derivatives are checked


@dataclass(frozen=True, eq=False)
class Subject:
    """What probes are asked about: a model, its data and explanations of them.

    Attributes:
      model: the user's model.
      network: its score function.
      source: its data.
      explainers: by the name of each in the records.
      positions: of the samples looked at [N], ascending.
      passed_over: which of them are left out [N], since the model gets them wrong.
      there: how many samples could be asked about at most, were all of the data looked at.
      seed: of everything random.
      budget: how much is spent, a name of `budgets.BUDGETS`.
      size: samples a task.
      rows: samples in memory at once, each variant of one counted.
      only_correct: whether samples that the model gets wrong are left out.
      store: where artefacts are kept, for probes that have any.
    """

    model: keras.Model
    network: Network
    source: Source
    explainers: Mapping[str, Explainer]
    positions: NDArray[np.int64]
    passed_over: NDArray[np.bool_]
    there: int
    seed: int = 0
    budget: str = "quick"
    size: int = 4
    rows: int = 16
    only_correct: bool = True
    store: Store | None = None

    @property
    def kept(self) -> NDArray[np.int64]:
        """Positions of the samples that are not passed over, ascending."""
        return self.positions[~self.passed_over]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Smallest and largest value of data that are no pixels; `None` for pixels."""
        return self.source.preprocessing.bounds

    @cached_property
    def derivatives(self) -> Decision:
        """What the derivative gate says of the model, asked when somebody wants to know."""
        images = self.source.load(self.positions[:_CHECKED]).image
        return trusted(self.network, images, seed=self.seed)

    @property
    def checked(self) -> Decision | None:
        """The same if somebody wanted to know; else `None`."""
        found: Decision | None = self.__dict__.get("derivatives")
        return found


@dataclass(frozen=True, eq=False)
class About:
    """What people call what records number; nothing of it decides a number.

    Attributes:
      source: the data of the records; samples and classes go by their numbers where `None`.
      there: how many samples could be asked about at most; any number where `None`.
      bands: channels that are drawn, see `data.bands.drawn`.
    """

    source: Source | None = None
    there: int | None = None
    bands: tuple[int, ...] | None = None

    def name_of(self, sample: int) -> str:
        """What a sample is called."""
        return f"image {sample}" if self.source is None else self.source.name_of(sample)

    @property
    def class_names(self) -> Sequence[str] | None:
        """Of each label."""
        return None if self.source is None else self.source.class_names

    @property
    def grey_level(self) -> float:
        """Size of a grey level in input units."""
        return 1.0 if self.source is None else self.source.preprocessing.grey_level

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Smallest and largest value of data that are no pixels; `None` for pixels."""
        return None if self.source is None else self.source.preprocessing.bounds


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


@dataclass(frozen=True, eq=False)
class Bound:
    """A probe that is ready to be asked, and what is to be said of it beforehand.

    Attributes:
      probe: the probe.
      decides: everything of it that decides its records, beyond what all probes share: its settings
        as they were understood and the code of the user's own parts, as JSON values.
      lines: of the plan, before what the work is.
      notes: of the plan, after it.
      facts: of the report, name to value.
    """

    probe: Probe
    decides: Mapping[str, Any]
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


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

    def words(self, verdicts: Sequence[Verdict]) -> str:
        """What the words of these verdicts rest on, a sentence or two."""
        ...


@runtime_checkable
class Showing(Protocol):
    """A view that chooses which samples are shown in pictures."""

    def chosen(self, records: pd.DataFrame, count: int) -> Sequence[int]:
        """Samples to be shown, at most `count`."""
        ...


@runtime_checkable
class Pictured(Protocol):
    """A probe that can show samples which are chosen when all records are there."""

    def showing(self, samples: frozenset[int]) -> Probe:
        """The same probe, whose tasks keep pictures of samples besides."""
        ...

    def picture_work(self, count: int, size: int) -> Work:
        """What pictures of `count` samples cost, `size` of them at once."""
        ...

    def pictures(
        self, samples: Sequence[int], records: pd.DataFrame, progress: Progress | None = None
    ) -> Mapping[int, Arrays]:
        """Pictures of samples, each with names of its own."""
        ...
