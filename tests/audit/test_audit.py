"""An audit from the command line: what it says, what it writes, what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tf_fragile.audit.asked import asked
from tf_fragile.audit.run import run_audit
from tf_fragile.audit.settings import Budget
from tf_fragile.audit.specs import in_words
from tf_fragile.errors import InputError
from tf_fragile.probes.fragility.verdict import sentence
from tf_fragile.runs.execution import held
from tf_fragile.runs.records import read_records

layers = keras.layers
FAST = {"steps": 3, "explainers": ("gradient",), "epsilon": (4.0, 8.0), "num_images": 3}


def audit(out: Path, said: list[str] | None = None, **settings):
    say = (said if said is not None else []).append
    return run_audit(asked(**{**FAST, **settings}), out, say=say, progress=False)


class Finished(NamedTuple):
    """An audit as `audit` makes it by default."""

    out: Path
    said: list[str]
    result: Any

    def copied(self, to: Path) -> Path:
        """Its directory once more, times of files and all."""
        return Path(shutil.copytree(self.out, to))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    """The audit that many tests look at."""
    out, said = tmp_path_factory.mktemp("audit") / "out", []
    return Finished(out, said, audit(out, said))


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    """A .keras file with a softmax head, for raw 12x12 pictures."""
    keras.utils.set_random_seed(2)
    x = keras.Input((12, 12, 3))
    h = layers.Conv2D(6, 3, activation="relu")(layers.Rescaling(1 / 255)(x))
    h = layers.Dense(3, activation="softmax", name="probs")(layers.Flatten()(h))
    path = tmp_path_factory.mktemp("model") / "m.keras"
    keras.Model(x, h).save(path)
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three flat pictures and two files that only claim to be pictures."""
    rng = np.random.default_rng(0)
    directory = tmp_path / "pictures"
    directory.mkdir()
    for i in range(3):
        pixels = rng.integers(20, 230, (14, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(directory / f"{i}.png")
    (directory / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    (directory / "cut.png").write_bytes((directory / "0.png").read_bytes()[:100])
    return directory


def test_an_audit_leaves_a_table_records_a_summary_a_manifest_and_a_report(finished) -> None:
    out, said, result = finished
    text = "\n".join(said)
    assert said[0].startswith("model: embedded (")
    assert "forward passes in 1 shards and 3 functions to build, roughly" in text
    assert "gradient: random_sign | top_k" in text
    assert sentence(result.verdicts[0]) in said
    records = read_records(out, "fragility")
    pd.testing.assert_frame_equal(records, result["fragility"].records)
    summary = pd.read_csv(out / "summary.csv")
    assert len(summary) == 4 and set(summary["probe"]) == {"fragility"}
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["probes"]["fragility"]["epsilon"] == [4.0, 8.0]
    assert manifest["probes"]["fragility"]["k"] == 409
    assert manifest["wall_time_s"] > 0
    page = result.report.read_text("utf-8")
    assert "data:image/png" in page
    assert "<dd>gradient</dd>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_search_for_the_smallest_radius_adds_a_line_and_leaves_the_table(
    tmp_path, finished
) -> None:
    said: list[str] = []
    searched = audit(tmp_path / "searched", said, halving=True)
    (line,) = (line for line in said if "half the top-k overlap" in line)
    assert line.startswith("gradient under top_k: half the top-k overlap is gone at a median eps")
    assert line.split(": ")[1].rstrip(".") in searched.report.read_text("utf-8")
    pd.testing.assert_frame_equal(
        finished.result["fragility"].summary, searched["fragility"].summary
    )
    radii = (
        searched["fragility"]
        .records[searched["fragility"].records.metric == "smallest_epsilon"]
        .value
    )
    assert ((radii >= 4) & (radii <= 8) | np.isinf(radii)).all() and len(radii) > 0


def test_an_explainer_is_told_with_the_settings_it_was_given() -> None:
    budget = Budget(8, {"integrated_gradients": {"rule": "right"}})
    assert in_words("gradient", budget) == "gradient"
    told = in_words("integrated_gradients:steps=20", budget)
    assert told == "integrated_gradients (steps = 20, rule = right)"


def test_attack_beats_random_on_the_embedded_net(tmp_path) -> None:
    summary = audit(tmp_path / "out", steps=15, epsilon=(8.0,))["fragility"].summary
    summary = summary.set_index("attack")
    gap = summary.top_k_intersection_mean["random_sign"] - summary.top_k_intersection_mean["top_k"]
    assert gap > 0.3


def test_a_keras_file_and_a_folder_with_corrupt_pictures(tmp_path, model_file, folder) -> None:
    said: list[str] = []
    result = audit(tmp_path / "out", said, model=str(model_file), data=f"folder:{folder}")
    text = "\n".join(said)
    assert "softmax head 'probs' stripped; logits are explained" in text
    counted = "5 files found, 2 skipped, 3 read; 3 looked at, without labels"
    assert text.count(f"{counted}, 3 audited") == 2  # plan and end
    assert text.count("skipped: 2 files (") == 2
    assert "broken.jpg" not in text
    page = result.report.read_text("utf-8")
    assert "broken.jpg" in page
    assert "cut.png" in page
    assert counted in page
    assert result["fragility"].summary.n.sum() + result["fragility"].summary.n_failed.sum() == 12


def test_names_with_html_are_shown_as_text(tmp_path, model_file) -> None:
    evil = "<img src=x onerror=alert(1)>"
    rng = np.random.default_rng(0)
    root = tmp_path / "pictures"
    for name in (evil, evil + "2", evil + "3"):
        (root / name).mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(20, 230, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    result = audit(
        tmp_path / "out",
        model=str(model_file),
        data=f"folder:{root}",
        num_images=None,
        only_correct=False,
    )
    page = result.report.read_text("utf-8")
    assert evil not in page
    assert "&lt;img src=x" in page


def test_running_the_same_audit_again_recomputes_nothing(tmp_path, finished) -> None:
    out = finished.copied(tmp_path / "out")
    part = next((out / "records" / "fragility").glob("*.parquet"))
    stamp = part.stat().st_mtime_ns
    second = audit(out)
    assert part.stat().st_mtime_ns == stamp
    pd.testing.assert_frame_equal(finished.result["fragility"].summary, second["fragility"].summary)


def test_another_audit_in_the_same_directory_is_refused(tmp_path, finished) -> None:
    finished.copied(tmp_path / "out")
    with pytest.raises(
        InputError, match=r"holds another run: fragility\.epsilon was \[4\.0, 8\.0\] and is"
    ):
        audit(tmp_path / "out", epsilon=(1.0,))


def test_records_whose_manifest_is_gone_are_not_told_under_another_seed(tmp_path, finished) -> None:
    out = finished.copied(tmp_path / "out")
    (out / "manifest.json").unlink()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(
        InputError, match=r"part-00000\.parquet was made by another run: with other"
    ):
        audit(out, seed=1)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_second_audit_in_the_same_directory_is_refused_before_any_work(tmp_path) -> None:
    with held(tmp_path / "out"):
        said: list[str] = []
        with pytest.raises(InputError, match=rf"worked on by process {os.getpid()} on .* since 20"):
            audit(tmp_path / "out", said)
    assert not said and not list((tmp_path / "out").iterdir())


def command(out: Path, *flags: str) -> list[str]:
    return [sys.executable, "-m", "tf_fragile", "audit", f"--out={out}", *flags]


QUICK = ["--num_images=6", "--steps=3", "--explainers=gradient", "--epsilon=4", "--shard_size=1"]


def test_sigkill_halfway_then_the_same_command_finishes_with_equal_records(tmp_path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    audit(whole, num_images=6, epsilon=(4.0,), shard_size=1)  # what the flags below ask for
    process = subprocess.Popen(
        command(killed, *QUICK), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 200
    while not list(killed.glob("records/*/part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {p.name: p.stat().st_mtime_ns for p in killed.glob("records/*/part-*.parquet")}
    assert 1 <= len(before) < 6
    done = subprocess.run(command(killed, *QUICK), check=True, capture_output=True, timeout=300)
    assert b"report:" in done.stdout
    after = {p.name: p.stat().st_mtime_ns for p in killed.glob("records/*/part-*.parquet")}
    assert len(after) == 6
    assert all(after[name] == stamp for name, stamp in before.items())
    pd.testing.assert_frame_equal(
        read_records(killed, "fragility"), read_records(whole, "fragility")
    )


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--explainers=gradeint", "error: Unknown explainer 'gradeint'; did you mean gradient"),
        ("--epsilonn=4", "error: Unknown command line flag 'epsilonn'"),
    ],
)
def test_a_wrong_flag_ends_in_one_sentence_and_code_2(tmp_path, flag, sentence) -> None:
    done = subprocess.run(command(tmp_path, flag), capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def bad_weights(tmp_path: Path) -> Path:
    from tf_fragile.models import zoo

    model = zoo.load("embedded")
    weights = model.get_weights()
    weights[0][0, 0, 0, 0] = np.nan
    model.set_weights(weights)
    zoo.save_weights_npz(model, tmp_path / "nan.npz")
    return tmp_path / "nan.npz"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"model": "embeded"}, "Unknown .* 'embeded'; did you mean embedded"),
        ({"model": "nowhere/m.keras"}, r"There is no model file 'nowhere/m\.keras'"),
        ({"data": "foldr:x"}, "Unknown data source 'foldr'; did you mean folder"),
        ({"data": "folder:/no/such/place"}, "/no/such/place"),
        ({"attacks": ("topk",)}, "Unknown attack objective 'topk'; did you mean top_k"),
        ({"explainers": ("gradient:steps=3",)}, "'gradient' has no settings; 'steps' was given"),
        ({"explainers": ("vargrad:samples",)}, "has no value; write vargrad:samples=VALUE"),
        ({"explainers": ("gradient", "gradient")}, "--explainers names one twice"),
        ({"epsilon": (0.0,)}, "--epsilon is 0.0; give values, each a finite"),
        ({"epsilon": (-4.0, 8.0)}, "--epsilon is -4.0; give"),
        ({"epsilon": (0.0314, 8.0)}, r"less than one grey level, .* write 8, if 0\.0314"),
        ({"k": 5000}, "k=5000 does not fit a map of 64 x 64 = 4096 entries"),
        ({"preprocessing": "centred"}, "Unknown preprocessing 'centred'; did you mean centered"),
        ({"budget": "qick"}, "Unknown budget 'qick'; did you mean quick"),
        ({"attacks": ("random_sign",)}, "random control always runs"),
        ({"attacks": ("target_region",)}, "needs mask="),
        ({"halving": True, "epsilon": (8.0,)}, "--halving searches between the smallest and"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_in_one_sentence_before_any_work(
    tmp_path, settings, sentence
) -> None:
    with pytest.raises(InputError, match=sentence):
        audit(tmp_path / "out", **settings)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_nan_in_the_weights_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"NaN|finite"):
        audit(tmp_path / "out", weights=str(bad_weights(tmp_path)))


def test_a_corrupt_model_file_is_refused(tmp_path) -> None:
    broken = tmp_path / "broken.keras"
    broken.write_bytes(b"PK\x03\x04 and nothing else")
    with pytest.raises(InputError, match=r"broken\.keras' can't be loaded"):
        audit(tmp_path / "out", model=str(broken))


def test_images_with_other_channels_are_refused(tmp_path, model_file) -> None:
    np.savez(tmp_path / "x.npz", images=np.ones((3, 20, 20, 2), np.uint8))
    with pytest.raises(InputError, match=r"have shape \[3, 20, 20, 2\]; store .* with C = 3"):
        audit(tmp_path / "out", model=str(model_file), data=f"npz:{tmp_path / 'x.npz'}")


def test_nan_in_an_image_is_refused_by_its_index(tmp_path, model_file) -> None:
    images = np.full((3, 12, 12, 3), 100.0)
    images[2, 0, 0, 0] = np.nan
    np.savez(tmp_path / "x.npz", images=images)
    with pytest.raises(InputError, match="2"):
        audit(tmp_path / "out", model=str(model_file), data=f"npz:{tmp_path / 'x.npz'}")


def test_a_model_of_rows_is_shown_no_pictures(tmp_path) -> None:
    keras.Sequential([keras.Input((5,)), layers.Dense(2)]).save(tmp_path / "rows.keras")
    with pytest.raises(InputError, match=r"takes no pictures, and 'embedded' has pictures"):
        audit(tmp_path / "out", model=str(tmp_path / "rows.keras"))


def test_a_head_that_cannot_be_stripped_is_refused(tmp_path) -> None:
    x = keras.Input((12, 12, 3))
    h = layers.Softmax(name="probs")(layers.Dense(3)(layers.Flatten()(x)))
    keras.Model(x, layers.Rescaling(2.0, name="twice")(h)).save(tmp_path / "odd.keras")
    with pytest.raises(InputError, match=r"The softmax 'probs' .* is followed by 'twice'"):
        audit(tmp_path / "out", model=str(tmp_path / "odd.keras"))


def test_an_empty_folder_is_refused(tmp_path, model_file) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        audit(tmp_path / "out", model=str(model_file), data=f"folder:{tmp_path / 'empty'}")


def test_an_output_directory_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        audit(tmp_path / "file" / "out")
