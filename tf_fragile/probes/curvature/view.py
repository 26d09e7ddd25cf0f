"""What may be said of the records of curvature: numbers with intervals, and no verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from tf_fragile.metrics.statistics import bootstrap_mean
from tf_fragile.probes.contract import About
from tf_fragile.probes.curvature.probe import RANDOM_ANGLE
from tf_fragile.report.blocks import Facts, Section, plain_table
from tf_fragile.report.verdict import Verdict
from tf_fragile.runs.records import DOUBT, EXCLUDED
from tf_fragile.runs.tasks import Arrays

_SHOWN: Mapping[str, str] = {
    "angle": "angle of the most fragile direction with the gradient, degrees",
    RANDOM_ANGLE: "angle of two random directions, degrees",
    "eigenvalue": "largest eigenvalue, logit per input unit squared",
    "local_curvature": "relative change of the gradient per input unit",
    "converged": "share of images whose power iteration converged",
}
_RIGHT_ANGLE = (0.0, 90.0)
_LIMITS: Mapping[str, tuple[float, float] | None] = {
    "angle": _RIGHT_ANGLE,
    RANDOM_ANGLE: _RIGHT_ANGLE,
    "converged": (0.0, 1.0),
}


@dataclass(frozen=True, eq=False)
class CurvatureView:
    """How fast gradients turn.

    Attributes:
      about: what samples and classes are called.
    """

    name: ClassVar[str] = "curvature"

    about: About = field(default_factory=About)

    def summary(self, records: pd.DataFrame) -> pd.DataFrame:
        """The mean of each metric over images: explainer, role, metric, n, mean, low, high."""
        measured = records[~records["role"].isin([EXCLUDED, DOUBT])]
        rows = []
        for metric in _SHOWN:
            own = measured[measured["metric"] == metric].sort_values("sample", kind="stable")
            for (explainer, role), group in own.groupby(["explainer", "role"], sort=False):
                found = bootstrap_mean(group["value"].to_numpy(), within=_LIMITS.get(metric))
                rows.append((explainer, role, metric, found.n, found.mean, found.low, found.high))
        columns = ["explainer", "role", "metric", "n", "mean", "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    def verdicts(self, records: pd.DataFrame, summary: pd.DataFrame) -> Sequence[Verdict]:
        """None: there is no curvature from which on an explanation would be bad."""
        return ()

    def sentence(self, verdict: Verdict) -> str:
        """A verdict in words."""
        return f"{verdict.explainer}: {verdict.word}."

    def words(self, verdicts: Sequence[Verdict]) -> str:
        """Why there are none."""
        return "Curvature is measured and not judged."

    def sections(
        self, records: pd.DataFrame, summary: pd.DataFrame, pictures: Arrays
    ) -> Sequence[Section]:
        """A table of means, and what casts doubt on them."""
        rows = [
            (
                str(row.explainer),
                _SHOWN[str(row.metric)],
                str(row.n),
                f"{row.mean:.4g}",
                "-" if pd.isna(row.low) else f"[{row.low:.4g}, {row.high:.4g}]",
            )
            for row in summary.itertuples(index=False)
        ]
        table = plain_table(
            ("explainer", "what", "images", "mean", "95 % interval"),
            rows,
            empty="No image was looked at.",
        )
        doubts = records[(records["role"] == DOUBT) & (records["sample"] < 0)]
        facts = {str(kind): str(note) for kind, note in zip(doubts["metric"], doubts["note"],
                                                           strict=True)}  # fmt: skip
        return [Section("Curvature", (table, Facts(facts)) if facts else (table,))]
