"""The tasks of a probe, each written in one step, so that killing a run loses at most one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.gallery import PARTS as PICTURES
from tf_fragile.runs.gallery import gallery_directory, gallery_path, read_pictures, write_gallery
from tf_fragile.runs.identity import Origin, Read, State, check_run, judged
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.records import PARTS as RECORDS
from tf_fragile.runs.records import (
    Keys,
    check_directory,
    make_records,
    part_directory,
    part_path,
    read_part,
    write_records,
)
from tf_fragile.runs.tasks import Findings, Task

_SECONDS_BETWEEN_LINES = 30.0


@dataclass(frozen=True)
class Job:
    """The whole work of one probe in a run.

    Attributes:
      probe: its name, and that of its tables.
      keys: its own columns.
      tasks: the whole plan; the same plan must be given when a run is taken up again.
      work: a deterministic function of the task; told how much of it is done.
    """

    probe: str
    keys: Keys
    tasks: Sequence[Task]
    work: Callable[[Task], Findings]


def complete_tasks(directory: Path | str, job: Job, run: str) -> set[int]:
    """The numbers of the tasks whose records and pictures are there, intact and of this run.

    A part that is damaged, or of other samples of this run, counts as missing.

    Args:
      directory: the run directory.
      job: the whole plan.
      run: the probe's `manifest.run_hash`.

    Raises:
      InputError: an intact part is of another run or version or does not say of which, or a part is
        there that the plan has not.
    """
    check_directory(directory)
    found: dict[Path, Read[Any] | None] = {
        path: _read(path)
        for place, kind in ((part_directory, RECORDS), (gallery_directory, PICTURES))
        for path in sorted(place(directory, job.probe).glob(kind))
    }
    for path, part in found.items():
        check_run(part, run, path)
    planned = {path for task in job.tasks for path in _paths(directory, job.probe, task)}
    for path in (path for path in found if path not in planned):
        raise InputError(
            f"{path} is no part of this run, which has {len(job.tasks)} parts; move it away, or "
            "choose another --out."
        )
    return {
        task.number
        for task in job.tasks
        if all(
            judged(found.get(path), Origin(run, task.positions, task.part)) is State.WHOLE
            for path in _paths(directory, job.probe, task)
        )
    }


def seems_complete(directory: Path | str, probe: str, task: Task) -> bool:
    """Whether records and pictures of a task are there and intact, of whichever run.

    For estimates before a run is opened, which then refuses those of another.
    """
    parts = [_read(path) for path in _paths(directory, probe, task)]
    return all(part and part.origin and part.origin.positions == task.positions for part in parts)


def _paths(directory: Path | str, probe: str, task: Task) -> tuple[Path, Path]:
    number = task.number
    return part_path(directory, probe, number), gallery_path(directory, probe, number)


def _read(path: Path) -> Read[Any] | None:
    """A part of either kind, its pictures left out."""
    return read_part(path) if path.match(RECORDS) else read_pictures(path, lambda name: False)


def run_tasks(
    directory: Path | str,
    job: Job,
    *,
    run: str,
    complete: Collection[int],
    lease: Lease,
    progress: bool = True,
) -> list[int]:
    """Computes the tasks that are not there yet.

    The pictures of a task are written before its records, each in one step, so a task is complete
    exactly when its records are there.

    Args:
      directory: the run directory; made where it is missing.
      job: what to do.
      run: what makes the parts, the probe's `manifest.run_hash`.
      complete: the numbers of those that are there, from `complete_tasks`.
      lease: on the directory; checked before each part is written.
      progress: whether to draw a bar over samples on standard error.

    Returns:
      The numbers of the tasks computed by this call.

    Raises:
      InputError: if the directory cannot be written, or was taken over by another process; what is
        already written is kept.
    """
    for place in (part_directory, gallery_directory):
        make_directory(place(directory, job.probe))
    computed: list[int] = []
    total = sum(len(task.positions) for task in job.tasks)
    done = sum(len(task.positions) for task in job.tasks if task.number in complete)
    with bar_over(total, "image", progress, done) as bar:
        for task in job.tasks:
            if task.number in complete:
                continue
            bar.set_postfix(shard=f"{task.number + 1}/{len(job.tasks)}")
            found, origin = job.work(task), Origin(run, task.positions, task.part)
            records = make_records(found.rows, job.keys)
            table, pictures = _paths(directory, job.probe, task)
            lease.check()
            write_gallery(pictures, found.pictures, origin)
            lease.check()
            write_records(table, records, origin, job.keys)
            computed.append(task.number)
            bar.update(len(task.positions))
    return computed


def bar_over(
    total: int, unit: str, progress: bool, done: int = 0, what: str | None = None
) -> tqdm[NoReturn]:
    """A bar on standard error; in a file or a pipe a line at most every half minute."""
    often = 0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES
    quiet = not progress
    return tqdm(desc=what, total=total, initial=done, unit=unit, disable=quiet, mininterval=often)
