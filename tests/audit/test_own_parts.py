"""Explainers, attacks and metrics of a user's own, registered in a file that `--import` runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tf_fragile.attacks.objectives import OBJECTIVES
from tf_fragile.audit.asked import asked
from tf_fragile.audit.parts import own_explainers
from tf_fragile.explainers.catalog import EXPLAINERS
from tf_fragile.metrics.catalog import METRICS
from tf_fragile.models.saved.user_code import import_code

PARTS = '''
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.attacks.objectives import OBJECTIVES, TopK
from tf_fragile.explainers import EXPLAINERS, Entry, Price
from tf_fragile.explainers.gradient import Gradient
from tf_fragile.metrics.catalog import METRICS, Metric
from tf_fragile.settings import check, setting


@dataclass(frozen=True)
class Scaled:
    """The gradient, so many times."""

    times: float = setting(2.0, low=1, high=9)

    def __post_init__(self):
        check(self)

    @property
    def evaluations(self):
        return 1

    def attribute(self, network, x, target, seed):
        return self.times * Gradient().attribute(network, x, target, seed)


class Emptied(TopK):
    """Top-k by another name."""


def mass(clean, perturbed, k):
    return tf.reduce_sum(perturbed, [1, 2])


EXPLAINERS.register("scaled", Entry(Scaled, Price(2.0, 6.0)))
OBJECTIVES.register("emptied", Emptied)
METRICS.register("mass_left", Metric("mass left", of=mass, share=True, summarised=True))
'''


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tf_fragile", *args],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    path = tmp_path / "parts.py"
    path.write_text(PARTS, "utf-8")
    return path


def test_one_line_each_is_all_it_takes(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = (
        "audit", f"--import={parts}", "--explainers=scaled:times=3,gradient", "--attacks=emptied",
        "--num_images=2", "--steps=1", "--epsilon=8", "--plateau=0", "--progress=off",
        f"--out={out}",
    )  # fmt: skip
    done = run(*command)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert f"code: your code was run: --import={parts}" in said
    assert "scaled:times=3 under emptied: 2 images x 1 radii x 1 steps x 1 gradient a map" in said
    assert "mass left" in done.stdout
    assert any(line.startswith("scaled:times=3 under emptied at epsilon = 8:") for line in said)
    records = pd.concat(map(pd.read_parquet, sorted(out.rglob("*.parquet"))))
    assert {"scaled:times=3", "gradient"} <= set(records["explainer"])
    assert "emptied" in set(records["attack"])
    mass = records[records["metric"] == "mass_left"]["value"]
    assert len(mass) == 8 and mass.round(4).eq(1).all()
    page = (out / "report.html").read_text("utf-8")
    assert "mass left" in page and "scaled (times = 3)" in page
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert set(manifest["settings"]["parts"]) == {"explainer scaled"}
    owns = manifest["probes"]["fragility"]["parts"]
    assert set(owns) == {"attack objective emptied", "metric mass_left"}

    assert run(*command).returncode == 0  # finished, resumed
    parts.write_text(PARTS.replace("return self.times *", "return 2 * self.times *"), "utf-8")
    other = run(*command)
    assert other.returncode == 2
    assert "holds another run: parts.explainer scaled was " in other.stderr


def test_the_code_of_an_averaged_explainer_counts_too(
    parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for registry in (EXPLAINERS, OBJECTIVES, METRICS):
        for table in ("_entries", "_places"):
            monkeypatch.setattr(registry, table, dict(getattr(registry, table)))
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert own_explainers(asked()) == {}
    import_code(str(parts))
    assert set(own_explainers(asked(explainers=("smoothgrad:base=scaled",)))) == {
        "explainer scaled"
    }
    assert own_explainers(asked()) == {}


def test_a_name_that_is_taken_is_refused_with_both_places(parts: Path) -> None:
    parts.write_text(PARTS.replace('"scaled"', '"gradient"'), "utf-8")
    line = 1 + PARTS.splitlines().index(
        'EXPLAINERS.register("scaled", Entry(Scaled, Price(2.0, 6.0)))'
    )
    done = run("audit", f"--import={parts}")
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"error: --import={parts}, parts.py, line {line}: The explainer 'gradient' is registered "
        "twice, in "
    )
    assert "catalog.py, line " in done.stderr
    assert done.stderr.endswith(f"and in {parts}, line {line}; give one of them another name.\n")


def test_an_error_in_the_file_names_its_line(parts: Path) -> None:
    parts.write_text("x = 1\n\nx.nothing\n", "utf-8")
    done = run("list", "explainers", f"--import={parts}")
    assert done.returncode == 2
    assert done.stderr == (
        f"error: --import={parts} could not be run (parts.py, line 3: 'int' object has no "
        "attribute 'nothing'); repair it, or give a file that only defines classes and "
        "functions.\n"
    )
