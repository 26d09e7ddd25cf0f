"""Explainers of an audit that take patterns or bounds from its data."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tf_fragile.audit.asked import asked
from tf_fragile.audit.run import AuditResult, run_audit
from tf_fragile.audit.settings import BUDGETS
from tf_fragile.audit.specs import in_need_of, in_words, needs_of
from tf_fragile.audit.subject import open_subject
from tf_fragile.errors import InputError

SPECS = ("pattern_net", "lrp_zbox", "deep_taylor:first=box")
FAST: dict[str, Any] = {
    "explainers": SPECS, "epsilon": (8.0,), "num_images": 2, "steps": 1, "plateau": 0,
    "pattern_images": 16, "shard_size": 1,
}  # fmt: skip


def audit(out: Path, said: list[str], **settings: Any) -> AuditResult:
    return run_audit(asked(**{**FAST, **settings}), out, say=said.append, progress=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, list[str], AuditResult]:
    out, said = tmp_path_factory.mktemp("needs") / "out", []
    return out, said, audit(out, said)


def settings_in(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text("utf-8"))["settings"]
    return found


def test_what_the_data_have_to_give_is_found_in_the_specs() -> None:
    settings = asked(**FAST, attacks=("top_k",))
    assert [len(needs) for needs in needs_of(settings).values()] == [1, 1, 1]
    assert in_need_of("patterns", settings) == ("pattern_net",)
    assert in_need_of("range", settings) == SPECS[1:]
    given = asked(explainers=("lrp_zbox:low=0:high=1", "deep_taylor"))
    assert in_need_of("range", given) == ()


def test_the_plan_says_what_it_costs(finished) -> None:
    _, said, _ = finished
    assert "patterns of pattern_net: estimated from the data" in said
    assert "bounds of lrp_zbox, deep_taylor:first=box: the range of the data" in said


def test_manifest_and_report_have_what_was_taken(finished) -> None:
    out, _, result = finished
    found = settings_in(out)
    taken = found["taken_from_data"]
    assert found["pattern_images"] == 16
    assert taken["lrp_zbox"] == taken["deep_taylor:first=box"] == {"low": -0.5, "high": 0.5}
    patterns = taken["pattern_net"]["patterns"]
    assert patterns["samples"] == 16 and len(patterns["digest"]) == 64
    page = result.report.read_text("utf-8")
    assert f"pattern_net (patterns of 16 images, {patterns['digest'][:8]})" in page
    assert "lrp_zbox (low = -0.5 of the data, high = 0.5 of the data)" in page
    assert set(result["fragility"].records.explainer) - {""} == set(SPECS)


def test_a_resumed_run_has_the_same_bytes(finished, tmp_path: Path) -> None:
    out, _, result = finished
    again = tmp_path / "out"
    audit(again, [])
    parts = sorted(again.rglob("*.parquet"))
    assert len(parts) == 2
    before = [path.read_bytes() for path in parts]
    parts[1].unlink()
    resumed = audit(again, [])
    assert [path.read_bytes() for path in parts] == before
    pd.testing.assert_frame_equal(resumed["fragility"].records, result["fragility"].records)
    assert [path.read_bytes() for path in sorted(out.rglob("*.parquet"))] == before


def test_other_patterns_are_another_run(finished) -> None:
    out, _, _ = finished
    with pytest.raises(InputError, match=r"holds another run: pattern_images was 16 and is now 24"):
        audit(out, [], pattern_images=24)


def test_how_many_images_is_no_setting_of_an_audit_without_patterns(tmp_path: Path) -> None:
    audit(tmp_path / "out", [], explainers=("gradient",))
    found = settings_in(tmp_path / "out")
    assert "pattern_images" not in found and "taken_from_data" not in found
    left_out = {"pattern_images", "probes", "asked"}
    assert set(asdict(asked())) - set(found) == left_out


def test_the_plan_is_made_before_patterns_are_estimated() -> None:
    settings = asked(**FAST)
    subject = open_subject(settings, progress=False)
    assert subject.subject.explainers["pattern_net"].method.patterns.samples == 0
    filled = subject.filled(progress=False)
    assert filled.subject.explainers["pattern_net"].method.patterns.samples == 16
    plain = open_subject(asked(**{**FAST, "explainers": ("lrp_zbox",)}), progress=False)
    assert plain.filled(progress=False) is plain


def test_patterns_and_bounds_are_words() -> None:
    budget = BUDGETS["quick"]
    taken = {"base": {"low": [0.0, 1.0], "high": 2.0}}
    assert in_words("smoothgrad:base=lrp_zbox", budget, taken) == (
        "smoothgrad (samples = 8, base = lrp_zbox, low = 0 1 of the data, high = 2 of the data)"
    )
