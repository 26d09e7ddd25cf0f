"""The examples of CONTRIBUTING.md do what it says of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import tf_fragile as tff
from tf_fragile.attacks.objectives import OBJECTIVES
from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.explainers.catalog import EXPLAINERS
from tf_fragile.metrics.catalog import METRICS
from tf_fragile.models.saved.user_code import import_code
from tf_fragile.probes.catalog import PROBES
from tf_fragile.probes.contract import Subject
from tf_fragile.probes.running import run

PAGE = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3)).astype(np.uint8)


def example(heading: str) -> str:
    section = PAGE.read_text("utf-8").split(f"### {heading}\n")[1]
    code = re.search(r"```python\n(.*?)```", section, re.S)
    assert code is not None
    return code[1]


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of a user who copied the examples that register something."""
    for registry in (EXPLAINERS, OBJECTIVES, METRICS, PROBES):
        for table in ("_entries", "_places"):
            monkeypatch.setattr(registry, table, dict(getattr(registry, table)))
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "mine.py"
    parts = ("An explainer", "A rule", "An attack objective", "A metric", "A probe")
    path.write_text("\n\n".join(map(example, parts)), "utf-8")
    import_code(str(path))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    x = keras.Input((6, 6, 3))
    h = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(x))
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(h)))


@pytest.mark.slow
def test_the_explainer_the_objective_and_the_metric_work_together(
    registered: None, model: keras.Model
) -> None:
    x = PIXELS.astype("float32")
    explainer = tff.explain("power_gradient", model, power=2.0)
    plain = tff.explain("gradient", model)(x, 1)
    np.testing.assert_allclose(explainer(x, 1), np.sign(plain) * plain**2, rtol=1e-5)
    attack = tff.attack("spread", steps=3, k=5)
    result = attack(explainer, x, epsilon=8.0, bounds=(0, 255))
    before, after = (
        np.exp(-(m * np.log(np.maximum(m, 1e-12))).sum((-2, -1)))
        for m in (result.map_before, result.map_after[0])
    )
    assert (before[result.success[0]] <= after[result.success[0]] + 1e-4).mean() >= 0.5
    peaks = result.map_after[0].max((1, 2)) / result.map_before.max((1, 2))
    np.testing.assert_allclose(result.metrics["peak"][0], peaks, rtol=1e-4)


def test_the_rule_shares_by_magnitude_and_keeps_the_sum(registered: None) -> None:
    kernel = np.array([[1.0, -2.0], [-3.0, 4.0], [0.5, 0.0]], "float32")
    x = keras.Input((3,))
    dense = keras.layers.Dense(2, use_bias=False)
    model = keras.Model(x, dense(x))
    dense.set_weights([kernel])
    row = np.array([[2.0, -1.0, 4.0]], "float32")
    found = tff.explain("lrp_magnitude", model)(row, 1)
    sizes = np.abs(row[0] * kernel[:, 1])
    np.testing.assert_allclose(found[0], (row @ kernel)[0, 1] * sizes / sizes.sum(), rtol=1e-5)


@pytest.mark.slow
def test_the_probe_runs_resumes_and_writes(
    registered: None, model: keras.Model, tmp_path: Path
) -> None:
    source = Source(
        name="noise",
        class_names=None,
        image_shape=(6, 6, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda position: Sample(PIXELS[position], -1),
        digest=lambda: "",
        size=3,
    )
    explainers = {name: tff.explain(name, model) for name in ("gradient", "gradient_x_input")}
    entry = PROBES["concentration"]
    subject = Subject(
        model, as_network(model), source, explainers, np.arange(3), np.zeros(3, bool), there=3
    )
    bound = entry.bind(entry.settings(share=0.5), subject)

    def asked() -> pd.DataFrame:
        found, _ = run(
            tmp_path,
            [bound.probe],
            source,
            range(3),
            model=model,
            seed=0,
            settings={},
            settings_of={"concentration": bound.decides},
            command=["example"],
            size=2,
            progress=False,
        )
        return found["concentration"]

    table = asked()
    parts = sorted(tmp_path.glob("records/concentration/*.parquet"))
    before = [part.stat().st_mtime_ns for part in parts]
    assert len(parts) == 2 and len(table) == 12 and set(table["share"]) == {0.5}
    maps = np.abs(explainers["gradient"](PIXELS[:1].astype("float32"))).ravel().astype("float64")
    ranked = np.cumsum(np.sort(maps)[::-1]) / maps.sum()
    first = table[(table["explainer"] == "gradient") & (table["sample"] == 0)]
    own = first[first["role"] == "measured"]
    assert own["value"].item() == pytest.approx((ranked < 0.5).mean())
    assert asked().equals(table)
    assert [part.stat().st_mtime_ns for part in parts] == before


@pytest.mark.slow
def test_the_explainer_and_the_probe_keep_their_promises(registered: None) -> None:
    space: dict[str, Any] = {}
    checks = example("Whether your part keeps its promises")
    exec(compile(checks, "checks.py", "exec", dont_inherit=True), space)
    space["test_power_gradient"]()
    space["test_concentration"]()


@pytest.mark.slow
def test_the_figure_is_planned_made_and_taken_up_again_from_the_command_line(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("\n\n".join(map(example, ("A probe", "A figure"))), "utf-8")

    def made(*more: str) -> subprocess.CompletedProcess[str]:
        arguments = ["figure", "concentrated", f"--import={file}", "--preset=quick", *more]
        return subprocess.run(
            [sys.executable, "-m", "tf_fragile", *arguments, f"--out={tmp_path}/out"],
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    wrong = made("--share=2", "--data=embedded")
    assert wrong.returncode == 2
    assert wrong.stderr == "error: --share is 2; give a finite number above 0 and below 1.\n"
    images = ("--model=embedded", "--data=embedded")
    done = made(*images)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"embedded on embedded/val, records in {tmp_path}/out/runs\n")
    assert "about 16 forward passes in all" in done.stdout and "8 maps" in done.stdout
    out = tmp_path / "out"
    table = pd.read_csv(out / "concentrated.csv").set_index(["explainer", "role"])["value"]
    assert len(table) == 4 and (table[:, "measured"] < table[:, "control"]).all()
    assert (out / "concentrated.png").read_bytes().startswith(b"\x89PNG")
    facts = json.loads((out / "concentrated.manifest.json").read_text("utf-8"))
    assert facts["settings"]["num_images"] == len(facts["images"]["chosen"]) == 4
    again = made(*images)
    assert "nothing left to compute" in again.stdout and "4 images already there" in again.stdout
    other = made("--share=0.9", *images)
    assert other.returncode == 2 and "concentration.share was 0.5" in other.stderr
