"""The runner of figures: planned, computed once, taken up again, written; whatever the figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tf_fragile.errors import InputError, UnsupportedLayerError
from tf_fragile.experiments.frame.job import Drawn, Found, Job, Run, Table
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.running import make
from tf_fragile.experiments.frame.tables import Kept, read
from tf_fragile.runs.artefacts import Store

MIXED = pd.DataFrame(
    {"name": ["a", "b"], "count": [1, 2], "share": [0.1, np.nan], "holds": [True, False]}
)


def computed(calls: list[str], name: str) -> pd.DataFrame:
    calls.append(name)
    return MIXED.assign(part=name)


def draw(found: Found) -> Drawn:
    table = found.table

    def picture(path: Path) -> None:
        path.write_bytes(b"picture")

    return Drawn(
        {".csv": table, ".other.csv": table.head(1)},
        {".png": picture},
        {".md": "# text\n"},
        told="told",
        facts={"rows": len(table)},
    )


def job(calls: list[str], names: tuple[str, ...] = ("one", "two"), draws: int = 3) -> Job:
    tables = [Table(name, {"draws": draws}, partial(computed, calls, name)) for name in names]
    return Job("toy", draw, tables=tables, facts={"settings": {"draws": draws}}, notes=["a note"])


def place(out: Path, said: list[str] | None = None, seed: int = 0) -> Place:
    told = [] if said is None else said
    return Place(out, seed, ("toy.py", "--draws=3"), progress=False, say=told.append)


def test_all_files_are_written_and_the_manifest_says_how(tmp_path: Path) -> None:
    said: list[str] = []
    drawn = make(job([]), place(tmp_path / "new" / "out", said))
    out = tmp_path / "new" / "out"
    assert (out / "toy.csv").read_text("utf-8").splitlines() == [
        "name,count,share,holds,part",
        "a,1,0.1,True,one", "b,2,,False,one", "a,1,0.1,True,two", "b,2,,False,two",
    ]  # fmt: skip
    assert len(pd.read_csv(out / "toy.other.csv")) == 1
    assert (out / "toy.png").read_bytes() == b"picture"
    assert (out / "toy.md").read_text("utf-8") == "# text\n"
    manifest = json.loads((out / "toy.manifest.json").read_text("utf-8"))
    assert manifest["command"] == ["toy.py", "--draws=3"] and manifest["figure"] == "toy"
    assert manifest["settings"] == {"draws": 3} and manifest["rows"] == len(drawn.tables[".csv"])
    assert manifest["versions"]["tensorflow"] and manifest["seed"] == 0 and manifest["runs"] == {}
    assert said[0] == "  2 tables to compute, 0 already there" and said[1] == "a note"
    assert said[-2:] == ["\ntold", f"\n{out}/toy.csv, .other.csv, .md, .png, .manifest.json"]


def test_a_figure_that_was_stopped_computes_only_what_is_missing(tmp_path: Path) -> None:
    calls: list[str] = []

    def stopped() -> pd.DataFrame:
        raise KeyboardInterrupt

    begun = job(calls)
    half = replace(begun, tables=[begun.tables[0], replace(begun.tables[1], compute=stopped)])
    with pytest.raises(KeyboardInterrupt):
        make(half, place(tmp_path))
    assert calls == ["one"] and not (tmp_path / "toy.csv").exists()
    said: list[str] = []
    make(begun, place(tmp_path, said))
    assert calls == ["one", "two"] and "1 already there" in said[0]
    whole = (tmp_path / "toy.csv").read_bytes()
    make(begun, place(tmp_path))
    assert calls == ["one", "two"] and (tmp_path / "toy.csv").read_bytes() == whole


def test_other_settings_and_seeds_are_other_tables(tmp_path: Path) -> None:
    calls: list[str] = []
    make(job(calls), place(tmp_path))
    make(job(calls, draws=4), place(tmp_path))
    make(job(calls), place(tmp_path, seed=1))
    assert calls == ["one", "two"] * 3


def test_a_damaged_table_is_computed_again(tmp_path: Path) -> None:
    calls: list[str] = []
    make(job(calls, ("one",)), place(tmp_path))
    (file,) = (tmp_path / "tables").glob("*/table.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    make(job(calls, ("one",)), place(tmp_path))
    assert calls == ["one", "one"]


def test_a_table_is_read_as_it_was_computed(tmp_path: Path) -> None:
    exact = MIXED.assign(third=np.float64(1) / 3, small=np.float32(1) / 3)
    kept, store = Kept("toy", Table("t", {}, lambda: exact), 0), Store(tmp_path)
    store.build([kept], progress=False)
    found = read(store, kept)
    pd.testing.assert_frame_equal(found, exact, check_exact=True, check_dtype=False)
    assert [found[name].dtype.kind for name in ("count", "share", "holds", "small")] == list("ifbf")
    assert found["small"].dtype == np.float32


def test_code_of_the_users_own_decides_the_key_of_a_table() -> None:
    makes: list[Callable[[], pd.DataFrame]] = [lambda: MIXED.head(1), lambda: MIXED.head(2)]

    def key(compute: Callable[[], pd.DataFrame]) -> str:
        return Kept("toy", Table("t", {}, compute), 0).key

    assert key(makes[0]) == key(makes[0]) != key(makes[1])
    assert key(partial(makes[0])) == key(makes[0]) and key(partial(makes[1])) == key(makes[1])


def test_an_output_that_cant_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    calls: list[str] = []
    with pytest.raises(InputError, match="file"):
        make(job(calls), place(tmp_path / "file" / "out"))
    assert calls == []


def refusing(may_refuse: bool) -> Run:
    def probe() -> object:
        raise UnsupportedLayerError("layer 'odd' has no rule; use another.")

    nothing: dict = {"subject": None, "positions": (), "tasks": (), "settings": {}, "size": 1}
    return Run("odd", Path("nowhere"), probe, "toy", may_refuse=may_refuse, **nothing)


def test_a_run_that_may_refuse_is_left_out_and_others_end_the_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The plan asks the subject, which a refusing run of a test has none of.
    monkeypatch.setattr("tf_fragile.experiments.frame.running.plan", lambda *_: [])
    said: list[str] = []
    with pytest.raises(InputError, match="Every explainer refuses this model: layer 'odd'"):
        make(replace(job([]), runs=[refusing(True)]), place(tmp_path, said))
    assert said == ["odd is left out: layer 'odd' has no rule; use another."]
    with pytest.raises(UnsupportedLayerError, match="layer 'odd'"):
        make(replace(job([]), runs=[refusing(False)]), place(tmp_path))
