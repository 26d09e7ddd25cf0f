"""What a report is made of; each renderer draws the same blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prose:
    """Sentences, a paragraph each."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Names and values, in order."""

    items: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """Cells as text, numbers already formatted.

    Attributes:
      columns: titles.
      rows: cells of each row, as many as `columns`.
      caption: one sentence; empty for none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Line:
    """A curve with its interval.

    Attributes:
      name: in the legend.
      x: where.
      y: the mean there.
      low: of its interval, NaN where there is none.
      high: likewise.
      control: whether it is a control.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    control: bool = False


@dataclass(frozen=True)
class Plot:
    """Curves over one axis.

    Attributes:
      title: of the plot.
      x: name of the horizontal axis.
      y: name of the vertical one.
      lines: what is drawn.
      level: a horizontal line by its name, as chance; `None` for none.
    """

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    level: tuple[str, float] | None = None


@dataclass(frozen=True)
class Gallery:
    """Pictures of samples, as templates know them.

    Attributes:
      cards: one a sample.
      text: who is shown and why.
    """

    cards: tuple[Any, ...]
    text: str = ""


Block = Prose | Facts | Table | Plot | Gallery


@dataclass(frozen=True)
class Section:
    """Blocks under a heading."""

    title: str
    blocks: Sequence[Block]
