"""Blocks as text for a terminal, in plain ASCII: tables as wide as there is room, facts as lines.

Pictures and curves are for the page; a section that has any is left out as a whole.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from tf_fragile.report.blocks import Cell, Facts, Gallery, Plot, Prose, Row, Section, Table

WIDTH = 120
_NARROWEST = 20
_SPELT = {"ε": "eps"}

Lines = Sequence[tuple[str, list[list[str]]]]  # a heading, and cells of each line


def draw(section: Section, width: int = WIDTH) -> Iterator[str]:
    """The lines of a section, its title left out.

    Args:
      section: what to draw.
      width: columns of the terminal.
    """
    if _is_pictured(section):
        return
    for block in section.blocks:
        if isinstance(block, Section):
            yield from draw(block, width)
        elif isinstance(block, Table):
            yield draw_table(block, width)
        elif isinstance(block, Facts):
            yield from (f"{name}: {text}." for name, text in block.items.items())
        elif isinstance(block, Prose):
            yield from block.sentences


def _is_pictured(section: Section) -> bool:
    return any(
        _is_pictured(block) if isinstance(block, Section) else isinstance(block, (Plot, Gallery))
        for block in section.blocks
    )


def draw_table(table: Table, width: int = WIDTH) -> str:
    """A table as text.

    Where it is too wide, the groups of a line come below each other; where that is, too, without
    details.

    Args:
      table: what to draw.
      width: columns of the terminal; below about 40 lines are longer than it.

    Returns:
      Lines joined by newlines, without a trailing one.
    """
    if not any(part.rows for part in table.parts) and table.empty:
        return _ascii(table.empty)
    return (
        _side_by_side(table, width)
        or _stacked(table, width)
        or _stacked(table, width, details=False)
        or ""
    )


def _ascii(text: str) -> str:
    for letter, spelt in _SPELT.items():
        text = text.replace(letter, spelt)
    return text.encode("ascii", "replace").decode()


def _text(cell: Cell, details: bool = True) -> str:
    return f"{cell.text} {cell.detail}".rstrip() if details else cell.text


def _side_by_side(table: Table, width: int) -> str | None:
    """A line a row; `None` where that is too wide."""
    titles = [_ascii(table.key), *(_ascii(c.title) for g in table.groups for c in g.columns)]
    lines = [(p.heading, [_cells(row) for row in p.rows]) for p in table.parts]
    widths = _under(table, _widths([titles, *(line for _, rows in lines for line in rows)]))
    room = (width - sum(widths)) // max(1, len(widths) - 1)
    if room < 1:
        return None
    gap = " " * min(3, room)
    over, begin = [" " * widths[0]], 1
    for group in table.groups:
        own = widths[begin : begin + len(group.columns)]
        span = sum(own) + len(gap) * (len(own) - 1)
        over.append(_centred(_ascii(group.title), span) if group.title else " " * span)
        begin += len(own)
    above = gap.join(over).rstrip()
    head = [*([above] if above else []), _drawn(titles, widths, gap)]
    return _joined(head, lines, widths, gap, width, table.caption)


def _under(table: Table, widths: list[int]) -> list[int]:
    """Widths of columns that together are as wide as the titles over them."""
    wide, begin = list(widths), 1
    for group in table.groups:
        end = begin + len(group.columns)
        span = sum(wide[begin:end]) + end - begin - 1
        wide[end - 1] += max(0, len(group.title) - span)
        begin = end
    return wide


def _stacked(table: Table, width: int, *, details: bool = True) -> str | None:
    """A line a row and group; `None` where that is too wide."""
    alike = len({tuple(c.title for c in g.columns) for g in table.groups}) == 1
    columns = [_ascii(c.title) for c in table.groups[0].columns] if alike else [""]
    names = [(g.title, len(g.columns)) for g in table.groups]
    if not alike:
        names = [(f"{g.title} {c.title}".strip(), 1) for g in table.groups for c in g.columns]
    titles = [_ascii(table.key), "", *columns]
    turned = [(p.heading, _turned(names, p.rows, details)) for p in table.parts]
    widths = _widths([titles, *(line for _, lines in turned for line in lines)])
    room = (width - sum(widths)) // (len(widths) - 1)
    if details and room < 1:
        return None
    gap = " " * max(1, min(3, room))
    legend = table.caption if details else table.short
    return _joined([_drawn(titles, widths, gap)], turned, widths, gap, width, legend)


def _turned(
    names: Sequence[tuple[str, int]], rows: Sequence[Row], details: bool
) -> list[list[str]]:
    """Each row as a line a name, with the row's own name at the first."""
    turned = []
    for row in rows:
        begin = 0
        for place, (name, count) in enumerate(names):
            cells = row.cells[begin : begin + count]
            kept = [_ascii(_text(cell, details)) for cell in cells]
            turned.append(["" if place else _ascii(row.name), _ascii(name), *kept])
            begin += count
    return turned


def _cells(row: Row) -> list[str]:
    return [_ascii(row.name), *(_ascii(_text(cell)) for cell in row.cells)]


def _joined(
    head: list[str], parts: Lines, widths: list[int], gap: str, width: int, legend: str
) -> str:
    rule = "=" * (sum(widths) + len(gap) * (len(widths) - 1))
    body: list[str] = []
    for heading, lines in parts:
        body += ["", *(_wrapped(_ascii(heading), width) if heading else [])]
        body += [_drawn(line, widths, gap) for line in lines]
    said = ["", *_wrapped(_ascii(legend), width)] if legend else []
    return "\n".join([*head, rule, *body[1:], *said])


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, _NARROWEST)) or [text]


def _widths(table: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _drawn(cells: list[str], widths: list[int], gap: str) -> str:
    return gap.join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _centred(text: str, width: int) -> str:
    return f" {text} ".center(width, "-") if len(text) + 2 <= width else text[:width].center(width)
