"""Metric against epsilon as geometry for an inline SVG that follows the page's colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from tf_fragile.metrics.catalog import heading_of, is_share, summarised

WIDTH, HEIGHT = 320, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 12, 24


@dataclass(frozen=True)
class Point:
    """One mean, in SVG units, with the text shown when it is pointed at."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Series:
    """One attack's means over epsilon.

    Attributes:
      attack: its name.
      points: rising in epsilon.
      line: the `points` attribute of a polyline.
      band: the `points` attribute of the polygon between the interval's ends.
    """

    attack: str
    points: tuple[Point, ...]
    line: str
    band: str


@dataclass(frozen=True)
class Panel:
    """One metric of one explainer.

    Attributes:
      title: the metric in words.
      series: one an attack.
      x_ticks: position and text.
      y_ticks: position and text.
      chance: vertical position of the chance level, or None.
    """

    title: str
    series: tuple[Series, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    chance: float | None


def panels(summary: pd.DataFrame, explainer: str, chance: float | None) -> tuple[Panel, ...]:
    """The curves of one explainer, one panel a metric that has a finite mean.

    Args:
      summary: from `summarize`.
      explainer: whose rows to draw.
      chance: chance level of the top-k overlap, drawn as a line, or None.
    """
    rows = summary[summary["explainer"] == explainer]
    drawn = [m for m in summarised() if f"{m}_mean" in rows and rows[f"{m}_mean"].notna().any()]
    return tuple(_panel(rows, metric, chance) for metric in drawn)


def _panel(rows: pd.DataFrame, metric: str, chance: float | None) -> Panel:
    rows = rows[rows[f"{metric}_mean"].notna()]
    epsilons = sorted(float(e) for e in rows["epsilon"].unique())
    low = min(0.0, float(rows[f"{metric}_low"].min()))
    ends = rows[[f"{metric}_high", f"{metric}_mean"]]
    high = 1.0 if is_share(metric) else float(ends.max(axis=None)) or 1.0
    ticks = _ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    is_overlap = metric == "top_k_intersection"
    return Panel(
        title=heading_of(metric),
        series=tuple(
            _series(rows[rows["attack"] == attack], metric, epsilons, low, high)
            for attack in rows["attack"].unique()
        ),
        x_ticks=tuple((_x(e, epsilons), f"{e:g}") for e in epsilons),
        y_ticks=tuple((_y(t, low, high), f"{t:g}") for t in ticks),
        chance=_y(chance, low, high) if is_overlap and chance is not None else None,
    )


def _series(
    rows: pd.DataFrame, metric: str, epsilons: list[float], low: float, high: float
) -> Series:
    rows = rows.sort_values("epsilon")
    upper, lower, points = [], [], []
    for row in rows.to_dict("records"):
        mean, bottom, top = (float(row[f"{metric}_{part}"]) for part in ("mean", "low", "high"))
        x = _x(float(row["epsilon"]), epsilons)
        carried = math.isfinite(bottom) and math.isfinite(top)
        interval = f"[{bottom:.3g}, {top:.3g}]" if carried else "without an interval"
        if not carried:
            bottom = top = mean
        title = (
            f"{row['attack']}, ε = {row['epsilon']:g}: {mean:.3g} {interval}, "
            f"{row[f'{metric}_n']} images"
        )
        points.append(Point(x, _y(mean, low, high), title))
        upper.append(f"{x},{_y(top, low, high)}")
        lower.append(f"{x},{_y(bottom, low, high)}")
    line = " ".join(f"{p.x},{p.y}" for p in points)
    return Series(str(rows["attack"].iloc[0]), tuple(points), line, " ".join(upper + lower[::-1]))


def _x(epsilon: float, epsilons: list[float]) -> float:
    """Logarithmic, because radii are chosen in powers of two."""
    first, last = math.log(epsilons[0]), math.log(epsilons[-1])
    share = (math.log(epsilon) - first) / (last - first) if last > first else 0.5
    inner = WIDTH - LEFT - RIGHT - 24
    return round(LEFT + 12 + inner * share, 1)


def _y(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low)
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]
