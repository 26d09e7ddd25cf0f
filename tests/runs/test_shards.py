from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs.gallery import gallery_path, read_gallery
from tf_fragile.runs.records import make_records, part_directory, part_path, read_records
from tf_fragile.runs.shards import Shard, ShardResult, bar_over, plan_shards, run_shards

SHARDS = plan_shards(range(10, 17), 3)


def work(shard: Shard) -> ShardResult:
    """A pure function of the shard, with numbers that depend on the sample alone."""
    rows = [
        {
            "sample": p,
            "label": p % 3,
            "predicted": p % 3,
            "metric": "spearman",
            "value": np.random.default_rng(p).normal(),
        }
        for p in shard.positions
    ]
    return ShardResult(make_records(rows), {str(p): np.full(2, p) for p in shard.positions})


def contents(directory: Path) -> dict[str, bytes]:
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): p.read_bytes() for p in files}


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    run_shards(tmp_path / "whole", SHARDS, work, progress=False)
    return tmp_path / "whole"


def test_the_plan_covers_every_position_once_in_order() -> None:
    assert [s.number for s in SHARDS] == [0, 1, 2]
    assert [s.positions for s in SHARDS] == [(10, 11, 12), (13, 14, 15), (16,)]
    assert plan_shards([], 3) == ()


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(InputError, match="shard size of 0 holds no sample"):
        plan_shards([1], 0)
    with pytest.raises(InputError, match="occurs twice"):
        plan_shards([1, 2, 1], 2)


def test_a_finished_run_is_not_computed_again(finished: Path) -> None:
    def forbidden(shard: Shard) -> ShardResult:
        raise AssertionError(f"shard {shard.number} was complete")

    assert run_shards(finished, SHARDS, forbidden, progress=False) == []
    assert list(read_records(finished)["sample"]) == list(range(10, 17))
    assert list(read_gallery(finished)) == [str(i) for i in range(10, 17)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_resumes_to_equal_bytes(
    finished: Path, tmp_path: Path, error: type[BaseException]
) -> None:
    def interrupted(shard: Shard) -> ShardResult:
        if shard.number == 1:
            raise error
        return work(shard)

    other = tmp_path / "other"
    with pytest.raises(error):
        run_shards(other, SHARDS, interrupted, progress=False)
    assert os.listdir(part_directory(other)) == ["part-00000.parquet"]
    assert run_shards(other, SHARDS, work, progress=False) == [1, 2]
    assert contents(other) == contents(finished)


KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[2])
import test_shards as toy
from tf_fragile.runs import atomic, shards

replace, writes = os.replace, 0

def die_during_write(source, target):
    global writes
    if writes == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    writes += 1
    replace(source, target)

os.replace = die_during_write
shards.run_shards(pathlib.Path(sys.argv[1]), toy.SHARDS, toy.work, progress=False)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("write", [2, 3])
def test_a_run_killed_while_writing_resumes_to_equal_bytes(
    finished: Path, tmp_path: Path, write: int
) -> None:
    """Write 2 is the second shard's pictures, write 3 its records."""
    other = tmp_path / "other"
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(Path(__file__).parents[2])]
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(other), str(Path(__file__).parent), str(write)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    assert [p for p in contents(other) if p.endswith(".partial")]
    assert os.path.exists(gallery_path(other, 1)) == (write == 3)
    assert run_shards(other, SHARDS, work, progress=False) == [1, 2]
    assert contents(other) == contents(finished)


@pytest.mark.parametrize("damaged", [part_path, gallery_path])
def test_a_damaged_part_is_computed_again(finished: Path, damaged: object) -> None:
    before = contents(finished)
    path = damaged(finished, 1)  # type: ignore[operator]
    path.write_bytes(path.read_bytes()[:-10])
    assert run_shards(finished, SHARDS, work, progress=False) == [1]
    assert contents(finished) == before


def test_a_full_disk_stops_the_run_and_keeps_the_finished_shards(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"

    def fill(shard: Shard) -> ShardResult:
        if shard.number == 1:
            monkeypatch.setattr(os, "fsync", full)
        return work(shard)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"No space left in .*what is already written"):
        run_shards(other, SHARDS, fill, progress=False)
    monkeypatch.undo()
    assert os.listdir(part_directory(other)) == ["part-00000.parquet"]
    assert run_shards(other, SHARDS, work, progress=False) == [1, 2]
    assert contents(other) == contents(finished)


def test_a_directory_that_cannot_be_made_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a file is in the way"):
        run_shards(tmp_path / "file", SHARDS, work, progress=False)


def test_the_bar_counts_images_and_starts_at_those_already_there(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part_path(finished, 2).unlink()
    run_shards(finished, SHARDS, work)
    shown = capsys.readouterr().err
    assert "6/7" in shown
    assert "7/7" in shown
    assert "shard=3/3" in shown


def test_resumed_records_equal_those_of_another_cut_of_the_same_samples(finished: Path) -> None:
    other = finished.parent / "other"
    run_shards(other, plan_shards(range(10, 17), 2), work, progress=False)
    pd.testing.assert_frame_equal(read_records(other), read_records(finished))


def test_a_bar_in_a_file_is_a_line_now_and_then_and_may_be_left_out(capsys) -> None:
    with bar_over(1000, "image", progress=True) as bar:
        for _ in range(1000):
            bar.update(1)
    said = capsys.readouterr().err
    assert "1000/1000" in said
    assert said.count("\r") <= 3
    with bar_over(3, "image", progress=False) as bar:
        bar.update(3)
    assert capsys.readouterr().err == ""
