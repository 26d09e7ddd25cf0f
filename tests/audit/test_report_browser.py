"""The report in a real browser: its script runs, its controls work, nothing is requested."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pytest
from attack_records import attack_records
from fragility_page import write_report

from tf_fragile.probes.fragility.examples import Example, View
from tf_fragile.probes.fragility.summary import summarize

EVIL = "<img src=x onerror=document.documentElement.dataset.evil=1>"
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium(missing: Callable[[str], NoReturn]) -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or missing(f"needs one of {', '.join(NAMES)} on this computer")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images under random_sign at ε 1, 2 and under top_k at ε 1 (failed), 2, 4."""
    original = np.full((8, 8, 3), 100, np.uint8)
    ones = np.ones((8, 8), np.float32)

    def view(epsilon: float) -> View:
        return View(epsilon, True, original + epsilon, ones, EVIL, 0.9, 0.8, {"spearman": 0.5})

    attacked = (replace(view(1.0), success=False), view(2.0), view(4.0))
    shown = [
        Example(sample, EVIL, "gradient", attack, original, ones, views)
        for sample in (3, 5)
        for attack, views in [("random_sign", (view(1.0), view(2.0))), ("top_k", attacked)]
    ]
    rows = [
        {
            "sample": e.sample, "label": 0, "predicted": 0, "explainer": e.explainer,
            "attack": e.attack, "epsilon": v.epsilon, "metric": "spearman", "value": 0.5,
        }
        for e in shown
        for v in e.views
    ]  # fmt: skip
    summary: pd.DataFrame = summarize(attack_records(rows), resamples=50)
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(
        path,
        title=EVIL,
        facts={"file": EVIL},
        verdict_lines=[(EVIL, "unknown")],
        summary=summary,
        exclusions={EVIL: 1},
        skipped_files=[(EVIL, EVIL)],
        examples=shown,
    )
    return path


def render(chromium: str, page: Path, profile: Path, fragment: str = "") -> tuple[str, str]:
    """The document after its script has run, and what the browser logged."""
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=3000",
        "--dump-dom",
        page.as_uri() + fragment,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


def shown_views(dom: str) -> list[str]:
    """The views that are not hidden."""
    views = re.findall(r'<div class="view"([^>]*)>(.*?)</div>\n<', dom, flags=re.DOTALL)
    return [body for attributes, body in views if "hidden" not in attributes]


def state(dom: str) -> dict[str, str]:
    root = re.search(r"<html[^>]*>", dom)
    assert root is not None
    return dict(re.findall(r'data-(\w+)="([^"]*)"', root.group()))


def test_opens_at_the_largest_epsilon_under_attack(
    chromium: str, report: Path, tmp_path: Path
) -> None:
    dom, log = render(chromium, report, tmp_path)
    assert state(dom) == {"ready": "true", "epsilon": "4", "attack": "top_k", "shown": "2"}
    assert len(shown_views(dom)) == 2
    assert "CONSOLE" not in log


def test_the_address_moves_the_slider_and_changes_the_pictures(
    chromium: str, report: Path, tmp_path: Path
) -> None:
    dom, log = render(chromium, report, tmp_path, "#epsilon=2&attack=random_sign")
    assert state(dom) == {"ready": "true", "epsilon": "2", "attack": "random_sign", "shown": "2"}
    views = shown_views(dom)
    assert len(views) == 2
    assert all("random_sign, ε = 2" in view for view in views)
    assert '<output id="epsilon-shown" for="epsilon">2</output>' in dom
    assert 'aria-valuetext="epsilon 2"' in dom
    assert "CONSOLE" not in log


def test_a_failed_attack_is_shown_as_failed(chromium: str, report: Path, tmp_path: Path) -> None:
    dom, _ = render(chromium, report, tmp_path, "#epsilon=1")
    views = shown_views(dom)
    assert len(views) == 2
    assert all("Attack failed at this ε" in view and "<img" not in view for view in views)


def test_what_was_not_run_says_so(chromium: str, report: Path, tmp_path: Path) -> None:
    dom, _ = render(chromium, report, tmp_path, "#epsilon=4&attack=random_sign")
    assert state(dom)["shown"] == "0"
    assert dom.count('<div class="absent"><b>Not run at this ε') == 2


def test_a_nonsense_address_changes_nothing(chromium: str, report: Path, tmp_path: Path) -> None:
    dom, log = render(chromium, report, tmp_path, "#epsilon=banana&attack=%3Cimg%3E")
    assert state(dom)["epsilon"] == "4"
    assert "CONSOLE" not in log


def test_controls_work_as_a_person_uses_them(chromium: str, report: Path, tmp_path: Path) -> None:
    """A second page, under a policy that admits the test's script, drives the controls."""
    drive = """<script>
    const slider = document.getElementById("epsilon");
    slider.value = "1"; slider.dispatchEvent(new Event("input"));
    slider.dispatchEvent(new Event("change"));
    const moved = document.documentElement.dataset.epsilon;
    const radios = document.querySelectorAll("input[name=attack]");
    radios[1].click();
    document.documentElement.dataset.seen = moved + location.hash;
    </script></body>"""
    page = re.sub(
        r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report.read_text("utf-8")
    )
    driven = tmp_path / "driven.html"
    driven.write_text(page.replace("</body>", drive), "utf-8")
    dom, log = render(chromium, driven, tmp_path / "profile")
    assert state(dom)["epsilon"] == "2"
    assert state(dom)["attack"] == "random_sign"
    assert state(dom)["seen"] == "2#epsilon=2&amp;attack=random_sign"
    assert "Uncaught" not in log


def test_the_policy_blocks_a_smuggled_script_and_names_stay_text(
    chromium: str, report: Path, tmp_path: Path
) -> None:
    smuggled = tmp_path / "smuggled.html"
    smuggled.write_text(report.read_text("utf-8").replace("</main>", EVIL + "</main>"), "utf-8")
    dom, log = render(chromium, smuggled, tmp_path / "profile")
    assert "evil" not in state(dom)
    assert "Content Security Policy" in log
    clean, log = render(chromium, report, tmp_path / "other")
    assert "evil" not in state(clean)
    assert 'src="x"' not in clean
    assert "&lt;img src=x onerror=" in clean
    assert "Content Security Policy" not in log
