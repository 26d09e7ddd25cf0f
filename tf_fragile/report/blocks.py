"""What a report is made of; each renderer draws the same blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Prose:
    """Sentences, a paragraph each."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Names and values, in order."""

    items: Mapping[str, str]


@dataclass(frozen=True)
class Cell:
    """One entry of a table.

    Attributes:
      text: a number, already formatted, or words.
      detail: what stands beside it and can be left out, as an interval.
      share: from 0 to 1 where it is one, drawn as a bar; `None` otherwise.
    """

    text: str
    detail: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
      title: of it; may be empty.
      control: whether it is that of a control.
    """

    title: str
    control: bool = False


@dataclass(frozen=True)
class Group:
    """Columns under one heading."""

    title: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
      name: in the first column.
      cells: of the other columns, in order.
    """

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Part:
    """Lines of a table under one heading; an empty one is not drawn."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
      key: title of the first column.
      groups: the other columns.
      parts: the lines; a row has as many cells as all groups have columns.
      caption: a sentence; empty for none.
      short: the same where details are left out.
      empty: what is said where there is no line.
    """

    key: str
    groups: tuple[Group, ...]
    parts: tuple[Part, ...]
    caption: str = ""
    short: str = ""
    empty: str = ""


def plain_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", empty: str = ""
) -> Table:
    """A table of texts, with one line of headings and none between its rows.

    Args:
      columns: titles, that of the first one with them.
      rows: texts, as many each.
      caption: a sentence.
      empty: what is said where there are no rows.
    """
    key, *others = columns
    lines = tuple(Row(name, tuple(map(Cell, cells))) for name, *cells in rows)
    parts = (Part("", lines),) if lines else ()
    groups = tuple(Group("", (Column(title),)) for title in others)
    return Table(key, groups, parts, caption, caption, empty)


@dataclass(frozen=True)
class Point:
    """One mean of a curve.

    Attributes:
      x: where.
      y: the mean there.
      low: of its interval, NaN where there is none.
      high: likewise.
      n: images behind it.
    """

    x: float
    y: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Curve:
    """Means over one axis.

    Attributes:
      name: in the legend.
      points: rising in x.
      control: whether it is that of a control.
    """

    name: str
    points: tuple[Point, ...]
    control: bool = False


@dataclass(frozen=True)
class Plot:
    """Curves over one axis.

    Attributes:
      title: of the plot, which is what is drawn.
      of: whose, for those who can't see it.
      x: name of the horizontal axis, which is logarithmic where all of it is positive.
      curves: what is drawn.
      share: whether values are shares, from 0 to 1.
      level: height and name of a horizontal line, as chance; `None` for none.
    """

    title: str
    of: str
    x: str
    curves: tuple[Curve, ...]
    share: bool = False
    level: tuple[float, str] | None = None


@dataclass(frozen=True)
class Tile:
    """One picture of a card.

    Attributes:
      title: what it is.
      note: more of it.
      alt: what it is, for those who can't see it.
      uri: its content; empty where it can't be drawn.
      problem: why not, a sentence.
      place: where in a card, one of `o1` to `o5`; empty for the next free one.
    """

    title: str
    note: str
    alt: str
    uri: str = ""
    problem: str = ""
    place: str = ""


@dataclass(frozen=True)
class Shot:
    """What a card shows at one choice of a gallery's axes.

    Attributes:
      choice: index of it on the axis of choices.
      step: index on the slider.
      tiles: its pictures.
      facts: name and value, and whether the value is a warning.
      failed: in place of pictures, a heading and a sentence; `None` where there are some.
    """

    choice: int
    step: int
    tiles: tuple[Tile, ...] = ()
    facts: tuple[tuple[str, str, bool], ...] = ()
    failed: tuple[str, str] | None = None


@dataclass(frozen=True)
class Card:
    """A sample in pictures.

    Attributes:
      title: in its head.
      subtitle: beside it.
      label: who it is, for those who can't see it.
      who: name and value of what is known of it.
      tiles: pictures that are always there.
      shots: those at one choice; none of two at the same.
      pixelated: whether pixels are to be seen as such.
    """

    title: str
    subtitle: str
    label: str
    who: tuple[tuple[str, str], ...] = ()
    tiles: tuple[Tile, ...] = ()
    shots: tuple[Shot, ...] = ()
    pixelated: bool = False


@dataclass(frozen=True)
class Axis:
    """What can be chosen in a gallery.

    Attributes:
      key: in the page's address, as in `#epsilon=2`.
      title: for people.
      unit: one letter or so before the value.
      values: numbers of a slider, rising, or names.
    """

    key: str
    title: str
    unit: str
    values: tuple[float | str, ...]


@dataclass(frozen=True)
class Gallery:
    """Pictures of samples.

    Attributes:
      cards: one a sample and explainer.
      text: who is shown and why.
      lead: what to look for.
      slider: what a slider chooses; `None` for none.
      choice: what buttons choose; `None` for none.
    """

    cards: tuple[Card, ...]
    text: str = ""
    lead: str = ""
    slider: Axis | None = None
    choice: Axis | None = None


@dataclass(frozen=True)
class Section:
    """Blocks under a heading, maybe with sections in it."""

    title: str
    blocks: Sequence[Block]


Block = Prose | Facts | Table | Plot | Gallery | Section
