"""The Markdown page of `bench/levels.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from simulated import Coverage

Table = Literal["coverage", "false alarms", "power"]
COVERAGE: Table = "coverage"
FALSE_ALARMS: Table = "false alarms"
POWER: Table = "power"

BAND = (0.92, 0.98)
MOST = 0.05

_INTRO = """# Which levels intervals and words hold

Made by `python bench/levels.py --out=docs/results/statistics.md`, {replications:,} samples a
cell, in {seconds:.0f} s of one core. Measured populations, drawn with replacement: {counts};
overlaps of `gradient` at the quick budget.

* **Intervals of the table**: the bootstrap-t, cut to the bound below where the range of values
  is known. It supposes that images that were not drawn are like those that were.
* **Words**: the test of Gaffke 2005 and Learned-Miller and Thomas 2020 of "the mean overlap is a
  half or more" (FRAGILE) and "or less" (PASS) at 2.5 %, Holm-corrected over all verdicts of an
  audit. It supposes only that overlaps lie in [0, 1] and images are drawn independently. On
  zeros and ones it is Clopper and Pearson's; `bound` below is what it says as an interval.
* **Before**: BCa, each row for itself. **Widened**: BCa with percentiles widened by t and
  √(n/(n−1)) (Hesterberg 2015), which was tried and is not used.

No overlaps whatever, be they all 0, are FRAGILE on fewer images than log2(m / 0.025) for m
verdicts: 6 for one, 7 for two, 9 for ten. Below that nothing but INCONCLUSIVE is said.
"""


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
      table: which.
      population: its name.
      mean: of the population.
      procedure: by what the intervals or words are made.
      cells: by the number of images: `Coverage`, or the share of families of which it was said.
    """

    table: Table
    population: str
    mean: float
    procedure: str
    cells: Mapping[int, Coverage] | Mapping[int, float]


def page(
    lines: Sequence[Line],
    sizes: Sequence[int],
    counts: Mapping[str, int],
    replications: int,
    seconds: float,
) -> str:
    """The whole page.

    Args:
      lines: of all tables.
      sizes: numbers of images, the columns.
      counts: images by the name of a measured set.
      replications: samples a cell.
      seconds: what it took.
    """
    told = ", ".join(f"{name} ({number} images)" for name, number in counts.items()) or "none"
    parts = [_INTRO.format(replications=replications, seconds=seconds, counts=told)]
    parts.append(_short(lines))
    parts.append(
        "## Coverage of 95 % intervals\n\nIn %, of the intervals given; in brackets the share of "
        "samples that were refused one. Bold: today's, outside of 92 to 98.\n\n"
        + _table(lines, COVERAGE, sizes)
    )
    parts.append(
        "## False FRAGILE\n\nIn %: how often FRAGILE is said of any of ten explainers whose mean "
        "overlap is a half exactly. *Moved*: all overlaps are drawn towards 1 (or 0) until it is; "
        "*mixed*: some are replaced by 1 (or 0). Bold: today's, above 5.\n\n"
        + _table(lines, FALSE_ALARMS, sizes)
    )
    parts.append(
        "## Rightly FRAGILE\n\nIn %: how often it is said of any of two explainers that are: the "
        "price.\n\n" + _table(lines, POWER, sizes)
    )
    return "\n".join(parts)


def _short(lines: Sequence[Line]) -> str:
    """Which cells of today fall short, by table."""
    low = list(_outside(lines, COVERAGE, lambda c: c < BAND[0]))
    high = list(_outside(lines, COVERAGE, lambda c: c > BAND[1]))
    false = list(_outside(lines, FALSE_ALARMS, lambda c: c > MOST))
    said = ["## What falls short\n"]
    said.append(_listed("Coverage below 92 %", low))
    said.append(_listed("Coverage above 98 % (too wide, never too sure)", high))
    said.append(_listed("A false FRAGILE in more than 5 % of families of ten", false))
    return "\n".join(said) + "\n"


def _outside(lines: Sequence[Line], table: Table, wrong: Callable[[float], bool]) -> Iterator[str]:
    for line in lines:
        if line.table == table and line.procedure == "now":
            cells = {n: _share(cell) for n, cell in line.cells.items()}
            bad = [f"n = {n}: {100 * c:.1f}" for n, c in cells.items() if wrong(c)]
            if bad:
                yield f"{line.population} ({'; '.join(bad)})"


def _listed(heading: str, found: Sequence[str]) -> str:
    if not found:
        return f"* {heading}: none."
    return f"* {heading}:\n" + "\n".join(f"  * {one}" for one in found)


def _table(lines: Sequence[Line], table: Table, sizes: Sequence[int]) -> str:
    head = ["population", "mean", "", *(f"n = {n}" for n in sizes)]
    rows = [head, ["---", "---:", "---", *("---:" for _ in sizes)]]
    before = ""
    for line in lines:
        if line.table != table:
            continue
        named = [line.population, f"{line.mean:.3g}"] if line.population != before else ["", ""]
        before = line.population
        cells = [_cell(line, n) for n in sizes]
        rows.append([*named, line.procedure, *cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cell(line: Line, n: int) -> str:
    cell = line.cells[n]
    share = _share(cell)
    if math.isnan(share):
        return "refused"
    text = f"{100 * share:.1f}"
    if line.procedure == "now" and line.table != POWER:
        bad = share > MOST if line.table == FALSE_ALARMS else not BAND[0] <= share <= BAND[1]
        text = f"**{text}**" if bad else text
    if isinstance(cell, Coverage) and cell.refused:
        text += f" ({100 * cell.refused:.0f})"
    return text


def _share(cell: Coverage | float) -> float:
    return cell.covered if isinstance(cell, Coverage) else cell
