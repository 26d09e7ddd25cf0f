from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.execution import execute, held
from tf_fragile.runs.gallery import gallery_path
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.records import part_path
from tf_fragile.runs.shards import Job
from tf_fragile.runs.tasks import Findings, Task, cut

TASKS = cut(range(5), 2)


def run(seed: int = 0, **settings: Any) -> Manifest:
    return manifests.begin(
        command=["toy"],
        settings=settings,
        probes={"toy": {}},
        seed=seed,
        model_hash="m",
        data_hash="d",
        device="CPU",
    )


def compute(directory: Path, manifest: Manifest, tasks=TASKS, prepare=None) -> list[int]:
    """Runs; gives the numbers of the shards that were computed."""
    computed = []

    def work(task: Task) -> Findings:
        computed.append(task.number)
        row = {"label": 0, "predicted": 0, "metric": "m", "value": float(manifest.seed)}
        rows = [row | {"sample": sample} for sample in task.positions]
        return Findings(rows, {str(task.number): np.zeros(2)})

    job = Job("toy", {}, tasks, work)
    found, _ = execute(directory, manifest, [job], prepare=prepare, progress=False)
    records = found["toy"]
    assert list(records["sample"]) == list(range(5))
    assert set(records["value"]) == {float(manifest.seed)}
    return computed


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    assert compute(tmp_path / "out", run()) == [0, 1, 2]
    return tmp_path / "out"


def test_what_is_shared_is_prepared_before_the_first_task_that_is_missing(finished: Path) -> None:
    calls: list[bool] = []

    def prepare() -> None:
        calls.append(part_path(finished, "toy", 1).exists())

    assert compute(finished, run(), prepare=prepare) == [] and calls == []
    with pytest.raises(InputError, match="holds another run"):
        compute(finished, run(seed=1), prepare=prepare)
    assert calls == []
    part_path(finished, "toy", 1).unlink()
    assert compute(finished, run(), prepare=prepare) == [1] and calls == [False]


def files(directory: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def test_a_manifest_that_was_deleted_is_made_again_and_nothing_computed(finished: Path) -> None:
    (finished / "manifest.json").unlink()
    assert compute(finished, run()) == []
    assert manifests.read(finished) is not None


@pytest.mark.parametrize("damage", ["none", "a part is missing", "a part is damaged"])
def test_records_of_another_run_without_a_manifest_are_refused_and_kept(
    finished: Path, damage: str
) -> None:
    (finished / "manifest.json").unlink()
    if damage == "a part is missing":
        part_path(finished, "toy", 0).unlink()
    if damage == "a part is damaged":
        gallery_path(finished, "toy", 0).write_bytes(b"")
    before = files(finished)
    with pytest.raises(InputError, match="was made by another run: with other settings, another m"):
        compute(finished, run(seed=1))
    assert files(finished) == before


def test_records_of_another_cut_without_a_manifest_are_refused(finished: Path) -> None:
    (finished / "manifest.json").unlink()
    with pytest.raises(InputError, match="was made by another run"):
        compute(finished, run(shard_size=3), cut(range(5), 3))


def test_another_cut_that_nobody_wrote_into_the_settings_is_noticed(finished: Path) -> None:
    with pytest.raises(InputError, match=r"part-00002\.parquet is no part of this run"):
        compute(finished, run(), cut(range(5), 3))


def test_what_a_killed_process_left_half_written_is_removed(finished: Path) -> None:
    names = [".report.html", ".summary.csv", ".samples.csv", ".manifest.json"]
    places = [finished / name for name in names]
    places += [
        finished / "records" / "toy" / ".part-00000.parquet",
        finished / "gallery" / "toy" / ".part-00000.npz",
    ]
    before = files(finished)
    for place in places:
        place.with_name(f"{place.name}.{os.getpid()}.partial").write_bytes(b"half")
    with held(finished):
        pass
    assert files(finished) == before


def test_nothing_is_removed_or_written_where_another_process_works(finished: Path) -> None:
    half = finished / f".report.html.{os.getpid()}.partial"
    with held(finished):
        half.write_bytes(b"half")
        before = files(finished)
        with pytest.raises(InputError, match=f"worked on by process {os.getpid()} on "):
            compute(finished, run())
        assert files(finished) == before
