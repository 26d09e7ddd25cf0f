"""The summary as a table: a line an epsilon, random and attacked side by side."""

from __future__ import annotations

import math

import pandas as pd

from tf_fragile.metrics.catalog import heading_of, is_share, summarised
from tf_fragile.report.blocks import Cell, Column, Group, Part, Row, Table
from tf_fragile.runs.records import CONTROL

LEGEND = (
    "images: attack moved and kept the label / attacked; the others: mean over the former, with "
    "95 % interval, [-] where they are too few or too alike for one."
)
_SHORT_LEGEND = LEGEND.partition(", with")[0] + "; intervals are in the report."
_PAIR = (Column("random", control=True), Column("attack"))


def table_of(summary: pd.DataFrame) -> Table:
    """The summary with a part an explainer and attack, a line an epsilon.

    For each metric the random baseline and the attack, mean with interval. Where several random
    baselines ran, the first by name is shown. An explainer with random baselines only is shown
    with an empty attack column.

    Args:
      summary: from `summarize`.
    """
    metrics = _metrics(summary)
    parts = []
    for explainer in summary["explainer"].unique():
        rows = summary[summary["explainer"] == explainer]
        is_control = rows["role"] == CONTROL
        baselines = sorted(rows[is_control]["attack"].unique())
        random = baselines[0] if baselines else None
        attacks: list[str | None] = list(rows[~is_control]["attack"].unique())
        for attack in attacks or [None]:
            own = rows[rows["attack"].isin([random, attack])]
            heading = f"{explainer}: {random or '-'} | {attack or '-'}"
            parts.append(Part(heading, _rows(own, metrics, random, attack)))
    return Table(
        key="ε",
        groups=(Group("images", _PAIR), *(Group(heading_of(m), _PAIR) for m in metrics)),
        parts=tuple(parts),
        caption=LEGEND,
        short=_SHORT_LEGEND,
        empty="No attack was run.",
    )


def _metrics(summary: pd.DataFrame) -> list[str]:
    """The metrics that maps of this kind have; all where no attack found anything."""
    known = [m for m in summarised() if f"{m}_mean" in summary.columns]
    there = [m for m in known if summary[f"{m}_mean"].notna().any()]
    return there or known


def format_interval(mean: float, low: float, high: float, is_share: bool) -> str:
    """A mean with its interval, short: `0.56 [.51,.61]`, `12.3 [10.1,15.0]`.

    `12.3 [-]` where the values carry no interval, `-` where there is no value.
    """
    if not math.isfinite(mean):
        return "-"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{_number(mean, is_share)} [-]"
    return f"{_number(mean, is_share)} [{_short(low, is_share)},{_short(high, is_share)}]"


def interval_of(row: pd.Series, metric: str) -> str:
    """`format_interval` of one metric of a row of a summary."""
    mean, low, high = (row[f"{metric}_{part}"] for part in ("mean", "low", "high"))
    return format_interval(mean, low, high, is_share=is_share(metric))


def _number(value: float, is_share: bool) -> str:
    return f"{value:.2f}" if is_share else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def _short(value: float, is_share: bool) -> str:
    text = _number(value, is_share)
    return text.replace("0.", ".", 1) if is_share and abs(float(text)) < 1 else text


def _rows(
    rows: pd.DataFrame, metrics: list[str], random: str | None, attack: str | None
) -> tuple[Row, ...]:
    """Cells of each line: images of both, then two cells a metric."""
    lines = []
    for epsilon in sorted(rows["epsilon"].unique()):
        at = rows[rows["epsilon"] == epsilon]
        pair = [_row(at, random), _row(at, attack)]
        cells = [Cell(_images(row)) for row in pair]
        cells += [_cell(row, metric) for metric in metrics for row in pair]
        lines.append(Row(f"{epsilon:g}", tuple(cells)))
    return tuple(lines)


def _row(rows: pd.DataFrame, attack: str | None) -> pd.Series | None:
    found = rows[rows["attack"] == attack]
    return None if found.empty else found.iloc[0]


def _images(row: pd.Series | None) -> str:
    return "-" if row is None else f"{row['n']}/{row['n'] + row['n_failed']}"


def _cell(row: pd.Series | None, metric: str) -> Cell:
    """Mean and interval, and the mean as a share where it is one."""
    text = "-" if row is None else interval_of(row, metric)
    if row is None or text == "-":
        return Cell("-")
    mean, _, interval = text.partition(" ")
    share = max(0.0, float(row[f"{metric}_mean"])) if is_share(metric) else None
    return Cell(mean, interval, share)
