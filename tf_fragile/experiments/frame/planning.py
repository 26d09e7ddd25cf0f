"""What a figure will cost, said before it starts."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from tf_fragile.attacks.cost import BUILD
from tf_fragile.experiments.frame.job import Job, Run
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.experiments.frame.tables import Kept
from tf_fragile.runs.artefacts import Store
from tf_fragile.runs.shards import seems_complete
from tf_fragile.runs.tasks import Work


def plan(job: Job, store: Store, kept: Sequence[Kept]) -> list[str]:
    """The plan as lines of text, with the time that is to go here; computes nothing.

    Args:
      job: the figure.
      store: of its tables.
      kept: these tables.
    """
    lines = [*headers(job.runs), *job.lines]
    if job.runs:
        work = [missing(run) for run in job.runs]
        total = sum(run.work.forwards for run in job.runs)
        left = sum(work, Work())
        lines += [line for one in work for line in one.lines]
        said = "nothing left to compute"
        if left.forwards or left.builds:
            speed = seconds_per_forward(job.runs[0].subject, job.rows)
            said = f"roughly {spoken(left.forwards * speed + BUILD * left.builds)} to go here"
        lines.append(
            f"  about {total:,.0f} forward passes in all and {_counted(left.builds, 'function')} "
            f"to build, {said}"
        )
    if kept:
        there = len(kept) - len(store.missing(kept))
        lines.append(f"  {_counted(len(kept), 'table')} to compute, {there} already there")
    return [*lines, *job.notes]


def headers(runs: Sequence[Run]) -> list[str]:
    """On which network and data the runs are, and where their records go, a line a subject."""
    places: dict[Subject, list[Path]] = {}
    for run in runs:
        places.setdefault(run.subject, []).append(run.directory.parent)
    return [
        f"{subject.name} on {subject.source.name}, records in {os.path.commonpath(directories)}"
        for subject, directories in places.items()
    ]


def missing(run: Run) -> Work:
    """What is left of a run, and the line that tells of it."""
    done = sum(
        len(task.positions) for task in run.tasks if seems_complete(run.directory, run.table, task)
    )
    whole = sum(len(task.positions) for task in run.tasks)
    left = 1 - done / whole if whole else 0.0
    beside = f"; {done} images already there" if done else ""
    return Work(
        run.work.forwards * left,
        builds=run.work.builds if left else 0,
        lines=tuple(f"  {line}{beside}" for line in run.work.lines[:1]),
    )


def seconds_per_forward(subject: Subject, rows: int) -> float:
    """Seconds that a forward pass of one image takes in a batch of `rows`, measured now."""
    images = tf.zeros((rows, *subject.source.image_shape))
    forward = tf.function(subject.network.logits, autograph=False)
    forward(images).numpy()
    started = time.perf_counter()
    forward(images).numpy()
    return (time.perf_counter() - started) / rows


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def spoken(seconds: float) -> str:
    """A time span for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
