"""An audit asks any probe: one file and one line of registration, and nothing else knows of it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import in_process
import pandas as pd
import pytest

from tf_fragile.audit.asked import asked
from tf_fragile.audit.run import run_audit
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS
from tf_fragile.probes.catalog import PROBES
from tf_fragile.probes.entry import Entry
from tf_fragile.runs.records import read_records

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
FAST = (
    "--num_images=3",
    "--explainers=gradient",
    "--shard_size=2",
    "--progress=off",
    "--gallery=1",
)
FRAGILITY = ("--steps=1", "--epsilon=8", "--plateau=0")


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registrations of one test are gone after it."""
    for registry in (EXPLAINERS, PROBES):
        for table in ("_entries", "_places"):
            monkeypatch.setattr(registry, table, dict(getattr(registry, table)))
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def mine(tables: None, tmp_path: Path) -> Path:
    """The probe of a user who copied the example."""
    code = re.search(
        r"```python\n(.*?)```", PAGE.read_text("utf-8").split("### A probe\n")[1], re.S
    )
    assert code is not None
    path = tmp_path / "mine.py"
    path.write_text(code[1], "utf-8")
    return path


def stamps(out: Path, probe: str) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in sorted((out / "records" / probe).iterdir())}


def test_a_probe_of_ones_own_has_plan_records_table_verdict_and_report_and_resumes(
    mine: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    flags = (f"--import={mine}", "--probes=concentration", "--concentration.share=0.9", *FAST)
    done = in_process.audit(*flags, f"--out={out}")
    assert done.code == 0, done.sentence
    assert "\n3 maps\n" in done.out and "about 6 forward passes in 2 shards" in done.out
    assert "derivatives:" not in done.out and "gallery:" not in done.out
    assert re.search(r"^gradient: [A-Z]+, its mass lies in \d+ % of", done.out, re.M)
    assert "explainer" in done.out and "FOCUSED and SPREAD compare" in done.out
    records = read_records(out, "concentration")
    assert len(records) == 6 and set(records["share"]) == {0.9}
    assert set(pd.read_csv(out / "summary.csv")["probe"]) == {"concentration"}
    page = (out / "report.html").read_text("utf-8")
    assert "Concentration</h2>" in page and "its mass lies in" in page
    assert not (out / "records" / "fragility").exists()
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["probes"]["concentration"]["share"] == 0.9
    assert "probe concentration" in manifest["probes"]["concentration"]

    before = stamps(out, "concentration")
    (out / "records" / "concentration" / "part-00001.parquet").unlink()
    assert in_process.audit(*flags, f"--out={out}").code == 0
    after = stamps(out, "concentration")
    assert after.keys() == before.keys()
    assert after["part-00000.parquet"] == before["part-00000.parquet"]
    pd.testing.assert_frame_equal(read_records(out, "concentration"), records)


def test_a_probe_added_to_a_finished_run_is_all_that_is_computed(
    mine: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = in_process.audit(*FAST, *FRAGILITY, f"--import={mine}", f"--out={out}")
    assert first.code == 0, first.sentence
    before = stamps(out, "fragility")
    both = in_process.audit(
        *FAST, *FRAGILITY, f"--import={mine}", "--probes=fragility,concentration", f"--out={out}"
    )
    assert both.code == 0, both.sentence
    assert stamps(out, "fragility") == before
    assert len(stamps(out, "concentration")) == 2
    assert "fragility: maps: top 409" in both.out and "concentration: 3 maps" in both.out
    page = (out / "report.html").read_text("utf-8")
    assert "fragility: Numbers</h2>" in page and "concentration: Concentration</h2>" in page


def test_another_code_of_a_probe_is_another_run(mine: Path, tmp_path: Path) -> None:
    flags = ("--probes=concentration", *FAST, f"--out={tmp_path / 'out'}")
    assert in_process.audit(f"--import={mine}", *flags).code == 0
    for table in ("_entries", "_places"):  # as in a new process
        getattr(PROBES, table).pop("concentration")
    changed = mine.with_name("changed.py")
    changed.write_text(mine.read_text("utf-8").replace("(held < share)", "(held <= share)"))
    other = in_process.audit(f"--import={changed}", *flags)
    assert other.code == 2
    assert "holds another run: concentration.probe concentration was" in other.sentence


def refusing(settings: object, subject: object) -> None:
    raise InputError("the model has no ears.")


def test_a_probe_that_does_not_fit_is_said_and_the_others_run(tables: None, tmp_path: Path) -> None:
    PROBES.register("hearing", Entry("Does it hear?", PROBES["curvature"].settings, refusing,
                                     PROBES["curvature"].view))  # fmt: skip
    said: list[str] = []
    settings = asked(
        {"curvature": {"max_iterations": 2}},
        num_images=2, explainers=("gradient",), probes=("hearing", "curvature"),
    )  # fmt: skip
    result = run_audit(settings, tmp_path / "out", say=said.append, progress=False)
    assert "hearing is not asked: the model has no ears." in said
    assert list(result.answers) == ["curvature"] and not result.verdicts
    assert "hearing is not asked: the model has no ears." in result.report.read_text("utf-8")
    with pytest.raises(InputError, match="hearing was not asked: the model has no ears"):
        result["hearing"]
    with pytest.raises(InputError, match=r"Unknown probe of this audit 'curvatur'; did you mean"):
        result["curvatur"]
    with pytest.raises(InputError, match=r"^the model has no ears"):
        run_audit(asked(num_images=2, probes=("hearing",)), tmp_path / "alone", say=str)


def test_a_probe_that_breaks_off_lets_the_others_finish_and_is_a_fault(
    mine: Path, tmp_path: Path
) -> None:
    code = mine.read_text("utf-8").replace("def __call__(self, task, progress=None):",
                                           "def __call__(self, task, progress=None):\n"
                                           "        {}['nothing']")  # fmt: skip
    mine.write_text(code, "utf-8")
    out = tmp_path / "out"
    flags = (*FAST, *FRAGILITY, f"--import={mine}", f"--out={out}")
    done = in_process.audit(*flags, "--probes=concentration,fragility")
    assert done.code == 70
    assert done.sentence.startswith("This is a fault of tf_fragile (KeyError: 'nothing')")
    assert "concentration broke off, the others are finished" in done.out
    assert len(read_records(out, "fragility")) and "Numbers</h2>" in (
        out / "report.html"
    ).read_text("utf-8")
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["finished"] is None
    alone = in_process.audit(*FAST, f"--import={mine}", "--probes=concentration",
                             f"--out={tmp_path / 'alone'}")  # fmt: skip
    assert alone.code == 70


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--probes=fragilty"], "Unknown probe 'fragilty'; did you mean fragility?"),
        (["--probes=fragility,fragility"], "--probes names one twice"),
        (["--probes=all,fragility"], "--probes=all is every probe there is; leave the other names"),
        (["--probes="], "--probes is empty; give at least one."),
        (["--fragility.step=3"], "Unknown setting of fragility 'step'; did you mean steps"),
        (["--fragility.steps=0"], "--fragility.steps is 0; give a whole number from 1 to 100,000"),
        (["--fragility.steps=3", "--steps=4"], "--fragility.steps is given twice; give it once."),
        (["--fragility.steps"], "--fragility.steps has no value; write --NAME.SETTING=VALUE."),
        (["--fragilty.steps=3"], "Unknown probe 'fragilty'; did you mean fragility?"),
        (
            ["--probes=curvature", "--epsilon=4"],
            "Settings of fragility are given, and --probes=curvature leaves it out; write "
            "--probes=curvature,fragility, or leave them out.",
        ),
        (["--curvature.beta=2"], "Settings of curvature are given, and --probes=fragility leaves"),
    ],
)
def test_what_is_no_probe_or_setting_of_one_is_refused(flags: list[str], sentence: str) -> None:
    found = in_process.understood(*flags)
    assert found.code == 2 and sentence in found.sentence


def test_settings_are_of_the_probe_that_has_them() -> None:
    dotted = in_process.understood("--fragility.epsilon=2,4", "--fragility.halving=true").settings
    bare = in_process.understood("--epsilon=2,4", "--halving").settings
    assert dotted == bare
    assert bare.of("fragility").epsilon == (2.0, 4.0)
    everything = in_process.understood("--probes=all", "--curvature.tolerance=0.01").settings
    assert set(everything.named) == set(PROBES)
    assert everything.of("curvature").tolerance == 0.01


def test_no_file_of_the_audit_names_a_probe() -> None:
    for file in sorted((ROOT / "tf_fragile" / "audit").glob("*.py")):
        words = set(re.findall(r"\w+", file.read_text("utf-8")))
        assert not words & {*PROBES.registered(), "attacked"}, file.name
