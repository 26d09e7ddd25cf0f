"""`tf_fragile list`: what there is, a line each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tf_fragile as tff
from tf_fragile.attacks.objectives import OBJECTIVES
from tf_fragile.attacks.optimizers import OPTIMIZERS
from tf_fragile.experiments.catalog import FIGURES
from tf_fragile.listing import LISTINGS, lines
from tf_fragile.metrics.catalog import METRICS


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tf_fragile", "list", *args],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


KINDS = "attacks, explainers, figures, metrics, probes"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("explainers", tff.explainers()),
        ("attacks", (*OBJECTIVES, *OPTIMIZERS)),
        ("metrics", METRICS.registered()),
        ("figures", FIGURES.registered()),
    ],
)
def test_every_part_has_a_line_with_all_of_its_columns(kind: str, names: tuple[str, ...]) -> None:
    head, *rows = LISTINGS[kind]()
    assert [row[0] for row in rows] == list(names)
    assert all(len(row) == len(head) and all(row) for row in rows)


def test_costs_and_needs_are_those_of_the_entries() -> None:
    rows = {row[0]: row[1:3] for row in LISTINGS["explainers"]()}
    assert rows["gradient"] == ("2.05 / 5.7", "-")
    assert rows["pattern_net"] == ("3.5 / 12", "patterns of the data, recorded graph")
    assert rows["vargrad"] == ("2.05 / 5.7 x samples", "-")
    rows = {row[0]: row[1:3] for row in LISTINGS["attacks"]()}
    assert rows["target_region"] == ("the optimizer's", "mask, from Python")
    assert rows["top_k"] == ("the optimizer's", "-")
    assert rows["random_sign"] == ("1 map", "-")
    assert rows["sign"] == ("1 derivative + 1 map", "-")


def test_columns_are_aligned() -> None:
    assert lines([("a", "bc", "d"), ("long", "e", "f g")]) == ["a     bc  d", "long  e   f g"]


def test_the_command_prints_the_table_and_parts_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "parts.py"
    file.write_text(
        "from tf_fragile.metrics.catalog import METRICS, Metric\n"
        "METRICS.register('mine', Metric('my own', text='Of me.'))\n",
        "utf-8",
    )
    done = run("metrics", f"--import={file}")
    assert done.returncode == 0 and done.stderr == ""
    said = done.stdout.splitlines()
    assert said[0].split() == ["metric", "better", "unit", "what"]
    assert said[-1].split("  ")[0] == "mine" and said[-1].endswith("my own: Of me.")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("explainer",), "Unknown kind of part 'explainer'; did you mean explainers?"),
        (
            (),
            f"Say what to list, one of {KINDS}: tf_fragile list KIND.",
        ),
        (
            ("a", "b"),
            f"Say what to list, one of {KINDS}: tf_fragile list KIND.",
        ),
    ],
)
def test_what_is_no_kind_is_one_sentence(args: tuple[str, ...], sentence: str) -> None:
    done = run(*args)
    assert (done.returncode, done.stderr) == (2, f"error: {sentence}\n")


def test_the_help_says_what_may_be_listed() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith(
        "usage: tf_fragile list explainers|probes|attacks|metrics|figures [--flag="
    )
    assert "--import:" in done.stdout
