"""A page of blocks: every kind is drawn, names are text, galleries keep to themselves."""

from __future__ import annotations

import json
import math
import re

from tf_fragile.report.blocks import (
    Axis,
    Card,
    Curve,
    Facts,
    Gallery,
    Plot,
    Point,
    Prose,
    Section,
    Shot,
    Tile,
    plain_table,
)
from tf_fragile.report.html import page
from tf_fragile.report.verdict import INCONCLUSIVE, Reason, Verdict, withheld

EVIL = "</script><b>"


def of(*sections: Section) -> str:
    return page(title="t", facts={}, verdict_lines=[], sections=sections)


def test_every_kind_of_block_is_drawn_at_any_depth() -> None:
    blocks = (
        Prose(("Said.",)),
        Facts({"name": "value"}),
        plain_table(("a", "b"), [("1", "2")], caption="Captioned."),
        Plot("drawn", "me", "x", (Curve("c", (Point(0, 1, math.nan, math.nan, 3),)),)),
        Gallery((Card("titled", "sub", "label", tiles=(Tile("T", "", "alt", uri="data:x"),)),)),
    )
    told = ("<p class=\"lead\">Said.</p>", "<dt>name</dt><dd>value</dd>", "Captioned.",
            "<td class=\"starts",
            "<figcaption>drawn</figcaption>", "c, x = 0: 1 without an interval, 3 images",
            "<h3>titled <span>sub</span></h3>", 'alt="alt"')  # fmt: skip
    for found in (of(Section("S", blocks)), of(Section("S", (Section("inner", blocks),)))):
        assert all(text in found for text in told)
    assert "<h3>inner</h3>" in of(Section("S", (Section("inner", blocks),)))


def test_a_plot_without_a_number_and_a_section_without_blocks_are_left_out() -> None:
    empty = Plot("drawn", "me", "x", (Curve("c", (Point(0, math.nan, 0, 0, 0),)),))
    found = of(Section("one", (empty,)), Section("two", ()))
    assert "<svg" not in found and "<h2" not in found and '<ul class="legend"' not in found


def test_names_are_text_and_galleries_keep_their_own_axes() -> None:
    def gallery(key: str) -> Gallery:
        shots = (Shot(0, 0, failed=(EVIL, EVIL)),)
        axes = Axis(key, EVIL, EVIL, (1.0, 2.0)), Axis(f"{key}_of", EVIL, EVIL, (EVIL,))
        return Gallery((Card(EVIL, EVIL, EVIL, shots=shots),), EVIL, EVIL, *axes)

    found = of(Section(EVIL, (gallery("a"),)), Section(EVIL, (gallery("b"),)))
    assert EVIL not in found and found.count("</script>") == 2
    settings = re.search(r'id="settings">(.*?)</script>', found)
    assert settings is not None
    axes = json.loads(settings[1])
    assert [one["slider"]["key"] for one in axes] == ["a", "b"]
    assert axes[0]["choice"]["values"] == [EVIL]


def test_a_doubt_leaves_no_verdict_standing_and_is_told_once() -> None:
    verdict = Verdict("p", "gradient", "q", "GOOD", "good", reasons=(Reason("budget", "short"),))
    assert withheld(verdict, []) is verdict
    doubted = withheld(verdict, [Reason("feeding", "wrong"), Reason("budget", "again")])
    assert (doubted.word, doubted.state) == (INCONCLUSIVE, "unknown")
    assert [reason.text for reason in doubted.reasons] == ["wrong", "short"]
