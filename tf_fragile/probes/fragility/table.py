"""The summary as text for a terminal: one line an epsilon, random and attacked side by side."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass

import pandas as pd

from tf_fragile.metrics.catalog import heading_of, is_share, summarised
from tf_fragile.runs.records import CONTROL

WIDTH = 120
_NARROWEST = 20
LEGEND = (
    "images: attack moved and kept the label / attacked; the others: mean over the former, with "
    "95 % interval, [-] where they are too few or too alike for one."
)
_SHORT_LEGEND = LEGEND.partition(", with")[0] + "; intervals are in the report."


@dataclass(frozen=True)
class _Block:
    """An explainer under one attack: its heading and a line an epsilon."""

    heading: str
    lines: list[list[str]]


def format_table(summary: pd.DataFrame, width: int = WIDTH) -> str:
    """Formats a summary for a terminal, in plain ASCII.

    A block an explainer and attack, a line an epsilon; for each metric the random baseline and
    the attack, mean with interval. Where several random baselines ran, the first by name is
    shown. An explainer with random baselines only is shown with an empty attack column. Where
    that is too wide, the metrics of an epsilon come below each other; where that is, too, without
    intervals.

    Args:
      summary: from `summarize`.
      width: columns of the terminal; below about 40 lines are longer than it.

    Returns:
      Lines joined by newlines, without a trailing one.
    """
    metrics = [m for m in summarised() if f"{m}_mean" in summary.columns]
    blocks = []
    for explainer in summary["explainer"].unique():
        rows = summary[summary["explainer"] == explainer]
        is_control = rows["role"] == CONTROL
        baselines = sorted(rows[is_control]["attack"].unique())
        random = baselines[0] if baselines else None
        attacks: list[str | None] = list(rows[~is_control]["attack"].unique())
        for attack in attacks or [None]:
            lines = _lines(rows, random, attack)
            blocks.append(_Block(_heading(explainer, random, attack), lines))
    if not blocks:
        return "No attack was run."
    return (
        _side_by_side(metrics, blocks, width)
        or _stacked(metrics, blocks, width)
        or _stacked(metrics, blocks, width, intervals=False)
        or ""
    )


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


def _heading(explainer: str, random: str | None, attack: str | None) -> str:
    return f"{_ascii(explainer)}: {_ascii(random or '-')} | {_ascii(attack or '-')}"


def _ascii(name: str) -> str:
    return name.encode("ascii", "replace").decode()


def _lines(rows: pd.DataFrame, random: str | None, attack: str | None) -> list[list[str]]:
    """Cells of each line: epsilon, images of both, then two cells a metric."""
    metrics = [m for m in summarised() if f"{m}_mean" in rows.columns]
    lines = []
    for epsilon in sorted(rows["epsilon"].unique()):
        at = rows[rows["epsilon"] == epsilon]
        pair = [_row(at, random), _row(at, attack)]
        cells = [f"{epsilon:g}", *(_images(row) for row in pair)]
        for metric in metrics:
            cells += ["-" if row is None else interval_of(row, metric) for row in pair]
        lines.append(cells)
    return lines


def _row(rows: pd.DataFrame, attack: str | None) -> pd.Series | None:
    found = rows[rows["attack"] == attack]
    return None if found.empty else found.iloc[0]


def _images(row: pd.Series | None) -> str:
    return "-" if row is None else f"{row['n']}/{row['n'] + row['n_failed']}"


def _side_by_side(metrics: list[str], blocks: list[_Block], width: int) -> str | None:
    """A line an epsilon; `None` where that is too wide."""
    titles = ["eps", *["random", "attack"] * (1 + len(metrics))]
    widths = _widths([titles, *(line for block in blocks for line in block.lines)])
    room = (width - sum(widths)) // (len(widths) - 1)
    if room < 1:
        return None
    gap = " " * min(3, room)
    spans = [widths[1] + widths[2] + len(gap)]
    spans += [widths[i] + widths[i + 1] + len(gap) for i in range(3, len(widths), 2)]
    groups = ["images", *(heading_of(m) for m in metrics)]
    over = gap.join(
        [" " * widths[0], *(_centred(g, s) for g, s in zip(groups, spans, strict=True))]
    )
    head = [over.rstrip(), _drawn(titles, widths, gap)]
    return _joined(head, [(b.heading, b.lines) for b in blocks], widths, gap, width, LEGEND)


def _stacked(
    metrics: list[str], blocks: list[_Block], width: int, *, intervals: bool = True
) -> str | None:
    """A line an epsilon and metric; `None` where that is too wide."""
    titles = ["eps", "", "random", "attack"]
    names = ["images", *(heading_of(m) for m in metrics)]
    turned = [(block.heading, _turned(names, block.lines, intervals)) for block in blocks]
    widths = _widths([titles, *(line for _, lines in turned for line in lines)])
    room = (width - sum(widths)) // (len(widths) - 1)
    if intervals and room < 1:
        return None
    gap = " " * max(1, min(3, room))
    legend = LEGEND if intervals else _SHORT_LEGEND
    return _joined([_drawn(titles, widths, gap)], turned, widths, gap, width, legend)


def _turned(names: list[str], lines: list[list[str]], intervals: bool) -> list[list[str]]:
    """Each line as one a name, with the epsilon at the first."""
    turned = []
    for epsilon, *cells in lines:
        for place, name in enumerate(names):
            pair = cells[2 * place : 2 * place + 2]
            kept = pair if intervals else [cell.partition(" ")[0] for cell in pair]
            turned.append(["" if place else epsilon, name, *kept])
    return turned


def _joined(
    head: list[str],
    blocks: list[tuple[str, list[list[str]]]],
    widths: list[int],
    gap: str,
    width: int,
    legend: str,
) -> str:
    rule = "=" * (sum(widths) + len(gap) * (len(widths) - 1))
    body = []
    for heading, lines in blocks:
        body += ["", *_wrapped(heading, width), *(_drawn(line, widths, gap) for line in lines)]
    return "\n".join([*head, rule, *body[1:], "", *_wrapped(legend, width)])


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, _NARROWEST)) or [text]


def _widths(table: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _drawn(cells: list[str], widths: list[int], gap: str) -> str:
    return gap.join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _centred(text: str, width: int) -> str:
    return f" {text} ".center(width, "-") if len(text) + 2 <= width else text[:width].center(width)
