"""The summary as text for a terminal: one line an epsilon, random and attacked side by side."""

from __future__ import annotations

import math

import pandas as pd

from tf_fragile.audit.summary import METRICS, is_random

WIDTH = 120
LEGEND = (
    "images: attack moved and kept the label / attacked; the others: mean over the former, with "
    "bootstrap interval."
)


def format_table(summary: pd.DataFrame) -> str:
    """Formats a summary for a terminal of 120 columns, in plain ASCII.

    A block an explainer and attack, a line an epsilon; for each metric the random baseline and
    the attack, mean with interval. Where several random baselines ran, the first by name is
    shown. An explainer with random baselines only is shown with an empty attack column.

    Args:
      summary: from `summarize`.

    Returns:
      Lines joined by newlines, without a trailing one.
    """
    metrics = [m for m in METRICS if f"{m}_mean" in summary.columns]
    blocks = []
    for explainer in summary["explainer"].unique():
        rows = summary[summary["explainer"] == explainer]
        names = list(rows["attack"].unique())
        baselines = sorted(name for name in names if is_random(name))
        random = baselines[0] if baselines else None
        attacks: list[str | None] = [name for name in names if not is_random(name)]
        for attack in attacks or [None]:
            blocks.append((_heading(explainer, random, attack), _lines(rows, random, attack)))
    if not blocks:
        return "No attack was run."
    return _layout(metrics, blocks)


def format_interval(mean: float, low: float, high: float, is_share: bool) -> str:
    """A mean with its interval, short: `0.56 [.51,.61]`, `12.3 [10.1,15.0]`, `-` for no value."""
    if not math.isfinite(mean):
        return "-"
    return f"{_number(mean, is_share)} [{_short(low, is_share)},{_short(high, is_share)}]"


def interval_of(row: pd.Series, metric: str) -> str:
    """`format_interval` of one metric of a row of a summary."""
    mean, low, high = (row[f"{metric}_{part}"] for part in ("mean", "low", "high"))
    return format_interval(mean, low, high, is_share=metric != "center_shift")


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
    metrics = [m for m in METRICS if f"{m}_mean" in rows.columns]
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


def _layout(metrics: list[str], blocks: list[tuple[str, list[list[str]]]]) -> str:
    titles = ["eps", *["random", "attack"] * (1 + len(metrics))]
    table = [titles, *(line for _, lines in blocks for line in lines)]
    widths = [max(len(line[i]) for line in table) for i in range(len(titles))]
    gap = " " * max(1, min(3, (WIDTH - sum(widths)) // (len(widths) - 1)))

    def draw(cells: list[str]) -> str:
        return gap.join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))

    spans = [widths[1] + widths[2] + len(gap)]
    spans += [widths[i] + widths[i + 1] + len(gap) for i in range(3, len(widths), 2)]
    groups = ["images", *(METRICS[m] for m in metrics)]
    over = gap.join(
        [" " * widths[0], *(_centred(g, s) for g, s in zip(groups, spans, strict=True))]
    )
    rule = "=" * len(draw(titles))
    body = [line for head, lines in blocks for line in ["", head[:WIDTH], *map(draw, lines)]]
    return "\n".join([over.rstrip(), draw(titles), rule, *body[1:], "", LEGEND])


def _centred(text: str, width: int) -> str:
    return f" {text} ".center(width, "-") if len(text) + 2 <= width else text[:width].center(width)
