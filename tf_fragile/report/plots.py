"""A plot as geometry for an inline SVG that follows the page's colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tf_fragile.report.blocks import Curve, Plot, Point

WIDTH, HEIGHT = 320, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 12, 24


@dataclass(frozen=True)
class Dot:
    """One mean, in SVG units, with the text shown when it is pointed at."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Series:
    """A curve.

    Attributes:
      name: its name.
      points: rising in x.
      line: the `points` attribute of a polyline.
      band: the `points` attribute of the polygon between the interval's ends.
    """

    name: str
    points: tuple[Dot, ...]
    line: str
    band: str


@dataclass(frozen=True)
class Panel:
    """A plot as it is drawn.

    Attributes:
      title: in words.
      of: whose.
      x: name of the horizontal axis.
      series: one a curve.
      x_ticks: position and text.
      y_ticks: position and text.
      level: vertical position of the horizontal line and its name, or None.
    """

    title: str
    of: str
    x: str
    series: tuple[Series, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    level: tuple[float, str] | None


@dataclass(frozen=True)
class _Scales:
    """Where numbers are drawn."""

    xs: tuple[float, ...]
    low: float
    high: float

    def x(self, value: float) -> float:
        """Logarithmic where it can be, because radii and shares are chosen in powers of two."""
        if self.xs[0] > 0:
            first, last, at = (math.log(v) for v in (self.xs[0], self.xs[-1], value))
        else:
            first, last, at = self.xs[0], self.xs[-1], value
        share = (at - first) / (last - first) if last > first else 0.5
        return round(LEFT + 12 + (WIDTH - LEFT - RIGHT - 24) * share, 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def panel(plot: Plot) -> Panel | None:
    """The geometry of a plot; `None` where no curve has a finite mean."""
    curves = [(c, [p for p in c.points if math.isfinite(p.y)]) for c in plot.curves]
    points = [point for _, kept in curves for point in kept]
    if not points:
        return None
    ends = [end for p in points for end in (p.low, p.high) if math.isfinite(end)]
    values = [*ends, *(p.y for p in points)]
    low = min(0.0, *values)
    high = 1.0 if plot.share else max(values) or 1.0
    if high <= low:
        high = low + 1.0
    ticks = _ticks(low, high)
    xs = tuple(sorted({p.x for p in points}))
    scales = _Scales(xs, min(low, ticks[0]), max(high, ticks[-1]))
    return Panel(
        title=plot.title,
        of=plot.of,
        x=plot.x,
        series=tuple(_series(curve, kept, plot.x, scales) for curve, kept in curves if kept),
        x_ticks=tuple((scales.x(x), f"{x:g}") for x in xs),
        y_ticks=tuple((scales.y(tick), f"{tick:g}") for tick in ticks),
        level=None if plot.level is None else (scales.y(plot.level[0]), plot.level[1]),
    )


def _series(curve: Curve, points: list[Point], x: str, scales: _Scales) -> Series:
    upper, lower, dots = [], [], []
    for point in points:
        at = scales.x(point.x)
        carried = math.isfinite(point.low) and math.isfinite(point.high)
        interval = f"[{point.low:.3g}, {point.high:.3g}]" if carried else "without an interval"
        bottom, top = (point.low, point.high) if carried else (point.y, point.y)
        title = f"{curve.name}, {x} = {point.x:g}: {point.y:.3g} {interval}, {point.n} images"
        dots.append(Dot(at, scales.y(point.y), title))
        upper.append(f"{at},{scales.y(top)}")
        lower.append(f"{at},{scales.y(bottom)}")
    line = " ".join(f"{dot.x},{dot.y}" for dot in dots)
    return Series(curve.name, tuple(dots), line, " ".join(upper + lower[::-1]))


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]
