"""What the records of an audit say, probe by probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from tf_fragile.probes.catalog import PROBES
from tf_fragile.probes.contract import About, View
from tf_fragile.report.blocks import Section
from tf_fragile.report.verdict import Reason, Verdict, withheld
from tf_fragile.runs.records import DOUBT
from tf_fragile.runs.tasks import Arrays


@dataclass(frozen=True, eq=False)
class Answer:
    """What one probe found.

    Attributes:
      view: says it.
      records: of the probe.
      summary: means with their intervals.
      verdicts: one an explainer and question; may be none.
    """

    view: View
    records: pd.DataFrame
    summary: pd.DataFrame
    verdicts: tuple[Verdict, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdicts in words."""
        return tuple(self.view.sentence(verdict) for verdict in self.verdicts)

    @property
    def words(self) -> str:
        """What the verdicts rest on, for people."""
        return self.view.words(self.verdicts)

    def sections(self, pictures: Arrays) -> Sequence[Section]:
        """What a report shows of it."""
        return self.view.sections(self.records, self.summary, pictures)


def answer(name: str, records: pd.DataFrame, about: About, doubts: Sequence[str]) -> Answer:
    """What the records of a probe say.

    Args:
      name: of the probe.
      records: of it.
      about: what samples and classes are called.
      doubts: kinds of doubt that leave no verdict standing, whatever the probe makes of them.
    """
    view = PROBES[name].view(about)
    summary = view.summary(records)
    found = view.verdicts(records, summary)
    told = _told(records, doubts)
    reasons = [Reason(kind, text) for kind, text in told.items()]
    return Answer(view, records, summary, tuple(withheld(one, reasons) for one in found))


def _told(records: pd.DataFrame, kinds: Sequence[str]) -> Mapping[str, str]:
    rows = records[(records["role"] == DOUBT) & (records["sample"] < 0)]
    told = dict(zip(rows["metric"], rows["note"], strict=True))
    return {kind: str(told[kind]) for kind in kinds if kind in told}
