"""What entries of explainers say, and what is asked of them."""

from __future__ import annotations

import pytest

import tf_fragile as tff
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS, entry_of, method, settings_of
from tf_fragile.explainers.entry import BOX, PATTERNS, Entry, Need, Points, Price
from tf_fragile.explainers.gradient import Gradient
from tf_fragile.registry import Registry


def test_every_entry_says_what_the_explainer_is_in_a_line_of_its_own() -> None:
    lines = {name: entry.line for name, entry in EXPLAINERS.items()}
    assert len(set(lines.values())) == len(lines)
    for line in lines.values():
        assert line.endswith(".") and "\n" not in line and len(line) < 100


def test_needs_and_points_name_settings_of_the_explainer() -> None:
    for name, entry in EXPLAINERS.items():
        named = [setting for need in entry.needs for setting in need.settings]
        named += [need.where[0] for need in entry.needs if need.where]
        named += list(entry.few(3))
        assert set(named) <= settings_of(name).keys()


def test_a_need_is_unmet_until_its_settings_are_given() -> None:
    box, taylor = EXPLAINERS["lrp_zbox"], EXPLAINERS["deep_taylor"]
    assert box.unmet({}) == (BOX,)
    assert box.unmet({"low": 0}) == (BOX,)
    assert box.unmet({"low": 0, "high": 1}) == ()
    assert box.unmet({"first": "flat"}) == ()
    assert taylor.unmet({}) == ()
    assert taylor.unmet({"first": "box"}) == (BOX,)
    assert EXPLAINERS["pattern_net"].unmet({}) == (PATTERNS,)
    assert EXPLAINERS["gradient"].unmet({}) == ()


def test_an_average_is_told_over_how_much() -> None:
    assert Entry(Gradient).few(4) == {}
    assert Entry(Gradient, points=Points("draws", (("rule", "a"),))).few(4) == {
        "draws": 4,
        "rule": "a",
    }


def test_preconditions_are_words() -> None:
    said = {name: entry.preconditions for name, entry in EXPLAINERS.items()}
    assert said["gradient"] == ""
    assert said["pattern_net"] == "patterns of the data, recorded graph"
    assert said["lrp_zbox"] == "range of the data, recorded graph"
    assert said["lrp_flat"] == "recorded graph, range of the data where first=box"
    assert said["guided_grad_cam"] == "recorded graph, one image"
    assert Entry(Gradient, needs=(Need("range", ("low",)),)).preconditions == "range of the data"


def test_an_entry_is_found_with_settings_behind_the_name_too() -> None:
    assert entry_of("lrp_epsilon:epsilon=1") is EXPLAINERS["lrp_epsilon"]
    assert entry_of("nobodys") is None


def test_a_control_is_registered_but_is_no_explainer(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tff.explainers()
    monkeypatch.setattr(EXPLAINERS, "_entries", dict(EXPLAINERS._entries))
    EXPLAINERS.register("of_chance", Entry(Gradient, control="random"))
    EXPLAINERS.register("of_mine", Entry(Gradient, Price(1, 2)))
    assert tff.explainers() == tuple(sorted([*before, "of_mine"]))


def test_what_is_no_entry_is_refused_when_it_is_made() -> None:
    with pytest.raises(InputError, match="make of an Entry is 3; give the class of the method"):
        Entry(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"price of an Entry is \(1, 2\); give Price\(map="):
        Entry(Gradient, (1, 2))  # type: ignore[arg-type]


def test_what_makes_no_method_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for table in ("_entries", "_places"):
        monkeypatch.setattr(EXPLAINERS, table, dict(getattr(EXPLAINERS, table)))
    EXPLAINERS.register("empty", Entry(dict))
    with pytest.raises(InputError) as error:
        method("empty")
    assert str(error.value).startswith(f"The explainer 'empty', registered in {__file__}, line ")
    assert str(error.value).endswith(
        "makes {}, which lacks attribute(network, x, target, seed) or evaluations; give it both."
    )


def test_no_control_is_an_explainer_today() -> None:
    assert isinstance(EXPLAINERS, Registry)
    assert tff.explainers() == tuple(EXPLAINERS)
