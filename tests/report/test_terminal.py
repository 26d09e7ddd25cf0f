"""Blocks as text: any table fits, and nothing of it is lost on the way to fewer columns."""

from __future__ import annotations

import pytest

from tf_fragile.report.blocks import (
    Cell,
    Column,
    Facts,
    Gallery,
    Group,
    Part,
    Plot,
    Prose,
    Row,
    Section,
    Table,
    plain_table,
)
from tf_fragile.report.terminal import draw, draw_table

UNLIKE = Table(
    key="ε",
    groups=(
        Group("images", (Column("n"),)),
        Group("overlap", (Column("random", control=True), Column("attack"))),
    ),
    parts=(
        Part("gradient", (Row("1", (Cell("8"), Cell("0.50", "[.4,.6]", 0.5), Cell("0.25"))),)),
        Part("ünicode", (Row("2", (Cell("7"), Cell("0.40"), Cell("0.15", "[-]"))),)),
    ),
    caption="with intervals",
    short="without",
)


def test_a_table_has_its_groups_over_its_columns() -> None:
    lines = draw_table(UNLIKE, 80).splitlines()
    assert lines[0].replace("-", "").split() == ["images", "overlap"]
    assert lines[1].split() == ["eps", "n", "random", "attack"]
    assert lines[4].split() == ["1", "8", "0.50", "[.4,.6]", "0.25"]
    assert lines[-1] == "with intervals"
    assert "?nicode" in lines


@pytest.mark.parametrize(("width", "details"), [(31, True), (12, False)])
def test_groups_of_unlike_columns_come_below_each_other(width: int, details: bool) -> None:
    text = draw_table(UNLIKE, width)
    for told in ("images n", "overlap random", "overlap attack", "0.50", "0.25", "0.40", "0.15"):
        assert text.count(told) == (2 if told.islower() else 1)
    assert ("[.4,.6]" in text) == details
    assert text.endswith("with intervals" if details else "without")


def test_a_table_without_lines_says_why() -> None:
    empty = plain_table(("a", "b"), [], empty="There is no ε here.")
    assert draw_table(empty) == "There is no eps here."


def test_a_plain_table_has_one_line_of_titles() -> None:
    lines = draw_table(plain_table(("file", "why"), [("a.png", "broken")])).splitlines()
    assert [line.split() for line in lines if "=" not in line] == [
        ["file", "why"],
        ["a.png", "broken"],
    ]


def test_curves_and_pictures_are_for_the_page_and_what_stands_with_them_too() -> None:
    words = Prose(("One.", "Two."))
    facts = Facts({"chance": "0.1"})
    assert list(draw(Section("", (words, Section("", (facts,)))))) == [
        "One.",
        "Two.",
        "chance: 0.1.",
    ]
    for block in (Plot("", "", "x", ()), Gallery(())):
        assert list(draw(Section("", (words, Section("", (block,)))))) == []
