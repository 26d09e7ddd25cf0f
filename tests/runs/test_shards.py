from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs.execution import held
from tf_fragile.runs.gallery import gallery_path, read_gallery
from tf_fragile.runs.records import part_directory, part_path, read_records
from tf_fragile.runs.shards import Job, bar_over, complete_tasks, run_tasks, seems_complete
from tf_fragile.runs.tasks import Findings, Task, cut

TASKS = cut(range(10, 17), 3)


def work(task: Task) -> Findings:
    """A pure function of the shard, with numbers that depend on the sample alone."""
    rows = [
        {
            "sample": p,
            "label": p % 3,
            "predicted": p % 3,
            "metric": "spearman",
            "value": np.random.default_rng(p).normal(),
        }
        for p in task.positions
    ]
    return Findings(rows, {str(p): np.full(2, p) for p in task.positions})


def compute(directory: Path, tasks=TASKS, work=work, progress: bool = False) -> list[int]:
    """What is missing of the run called "toy"."""
    job = Job("toy", {}, tasks, work)
    with held(directory) as lease:
        complete = complete_tasks(directory, job, "toy")
        return run_tasks(
            directory, job, run="toy", complete=complete, lease=lease, progress=progress
        )


def contents(directory: Path) -> dict[str, bytes]:
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): p.read_bytes() for p in files}


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    compute(tmp_path / "whole")
    return tmp_path / "whole"


def test_the_plan_covers_every_position_once_in_order() -> None:
    assert [s.number for s in TASKS] == [0, 1, 2]
    assert [s.positions for s in TASKS] == [(10, 11, 12), (13, 14, 15), (16,)]
    assert cut([], 3) == ()


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(InputError, match="shard size of 0 holds no sample"):
        cut([1], 0)
    with pytest.raises(InputError, match="occurs twice"):
        cut([1, 2, 1], 2)


def test_a_finished_run_is_not_computed_again(finished: Path) -> None:
    def forbidden(task: Task) -> Findings:
        raise AssertionError(f"shard {task.number} was complete")

    assert compute(finished, work=forbidden) == []
    assert list(read_records(finished, "toy")["sample"]) == list(range(10, 17))
    assert list(read_gallery(finished, "toy")) == [str(i) for i in range(10, 17)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_resumes_to_equal_bytes(
    finished: Path, tmp_path: Path, error: type[BaseException]
) -> None:
    def interrupted(task: Task) -> Findings:
        if task.number == 1:
            raise error
        return work(task)

    other = tmp_path / "other"
    with pytest.raises(error):
        compute(other, work=interrupted)
    assert os.listdir(part_directory(other, "toy")) == ["part-00000.parquet"]
    assert compute(other) == [1, 2]
    assert contents(other) == contents(finished)


KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[2])
import test_shards as toy
replace, writes = os.replace, 0

def die_during_write(source, target):
    global writes
    if writes == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    writes += 1
    replace(source, target)

os.replace = die_during_write
toy.compute(pathlib.Path(sys.argv[1]))
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
    assert os.path.exists(gallery_path(other, "toy", 1)) == (write == 3)
    assert compute(other) == [1, 2]
    assert contents(other) == contents(finished)


@pytest.mark.parametrize("damaged", [part_path, gallery_path])
def test_a_damaged_part_is_computed_again(finished: Path, damaged: object) -> None:
    before = contents(finished)
    path = damaged(finished, "toy", 1)  # type: ignore[operator]
    path.write_bytes(path.read_bytes()[:-10])
    assert compute(finished) == [1]
    assert contents(finished) == before


def swap(directory: Path, of: Callable[[Path, str, int], Path]) -> None:
    first, second = of(directory, "toy", 0), of(directory, "toy", 1)
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


@pytest.mark.parametrize("of", [part_path, gallery_path])
def test_parts_swapped_between_shards_are_computed_again(finished: Path, of) -> None:
    before = contents(finished)
    swap(finished, of)
    assert not seems_complete(finished, "toy", TASKS[0])
    assert compute(finished) == [0, 1]
    assert contents(finished) == before


@pytest.mark.parametrize("of", [part_path, gallery_path])
def test_an_intact_part_of_another_run_is_refused_and_kept(finished: Path, of) -> None:
    other = finished.parent / "other"
    with held(other) as lease:
        job = Job("toy", {}, TASKS, work)
        run_tasks(other, job, run="b", complete=(), lease=lease, progress=False)
    of(finished, "toy", 1).write_bytes(of(other, "toy", 1).read_bytes())
    before = contents(finished)
    with pytest.raises(
        InputError, match=rf"{of(finished, 'toy', 1).name} was made by another run: with"
    ):
        compute(finished)
    assert contents(finished) == before


def test_a_damaged_part_beside_one_of_another_run_is_no_reason_to_go_on(finished: Path) -> None:
    for task in TASKS:
        part_path(finished, "toy", task.number).write_bytes(b"")
    with pytest.raises(InputError, match=r"part-00000\.npz was made by another run"):
        complete_tasks(finished, Job("toy", {}, TASKS, work), "another")


def test_a_part_beyond_the_plan_is_refused(finished: Path) -> None:
    extra = part_path(finished, "toy", 7)
    extra.write_bytes(part_path(finished, "toy", 1).read_bytes())
    with pytest.raises(
        InputError, match=r"part-00007\.parquet is no part of this run, which has 3"
    ):
        compute(finished)


def test_the_number_of_complete_shards_is_known_beforehand(finished: Path) -> None:
    assert [seems_complete(finished, "toy", task) for task in TASKS] == [True] * 3
    part_path(finished, "toy", 2).unlink()
    assert not seems_complete(finished, "toy", TASKS[2])
    assert not seems_complete(finished, "toy", Task(0, (10, 11)))


def test_a_process_that_lost_the_directory_writes_nothing_more(finished: Path) -> None:
    other = finished.parent / "other"

    def robbed(task: Task) -> Findings:
        if task.number == 1:
            (other / "lease.json").unlink()
        return work(task)

    with pytest.raises(InputError, match=r"lease\.json is gone, so this process writes nothing mo"):
        compute(other, work=robbed)
    assert os.listdir(gallery_path(other, "toy", 0).parent) == ["part-00000.npz"]


def test_a_full_disk_stops_the_run_and_keeps_the_finished_shards(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"

    def fill(task: Task) -> Findings:
        if task.number == 1:
            monkeypatch.setattr(os, "fsync", full)
        return work(task)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"No space left in .*what is already written"):
        compute(other, work=fill)
    monkeypatch.undo()
    assert os.listdir(part_directory(other, "toy")) == ["part-00000.parquet"]
    assert compute(other) == [1, 2]
    assert contents(other) == contents(finished)


def test_a_directory_that_cannot_be_made_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a file is in the way"):
        compute(tmp_path / "file")


def test_the_bar_counts_images_and_starts_at_those_already_there(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part_path(finished, "toy", 2).unlink()
    compute(finished, progress=True)
    shown = capsys.readouterr().err
    assert "6/7" in shown
    assert "7/7" in shown
    assert "shard=3/3" in shown


def test_resumed_records_equal_those_of_another_cut_of_the_same_samples(finished: Path) -> None:
    other = finished.parent / "other"
    compute(other, cut(range(10, 17), 2))
    pd.testing.assert_frame_equal(read_records(other, "toy"), read_records(finished, "toy"))


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
