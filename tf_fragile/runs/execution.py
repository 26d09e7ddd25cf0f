"""A run from its plan to its records: directory held, manifest kept, what is missing computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.atomic import make_directory, remove_leftovers
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.records import read_records
from tf_fragile.runs.shards import Job, complete_tasks, run_tasks

LEASE = "lease.json"


@contextmanager
def held(directory: Path | str) -> Iterator[Lease]:
    """A context in which this process alone works in a run directory, which is made if missing.

    What killed processes left half-written there is removed.

    Raises:
      InputError: another process works there, or the directory can't be made or written.
    """
    directory = make_directory(directory)
    with Lease(directory / LEASE) as lease:
        for place in (directory, *directory.glob("records/*/"), *directory.glob("gallery/*/")):
            remove_leftovers(place)
        yield lease


def execute(
    directory: Path | str,
    manifest: Manifest,
    jobs: Sequence[Job],
    *,
    lease: Lease | None = None,
    prepare: Callable[[], None] | None = None,
    failed: Callable[[str, Exception], None] | None = None,
    progress: bool = True,
) -> tuple[dict[str, pd.DataFrame], Manifest]:
    """Computes what is missing of a run and returns all of its records.

    Args:
      directory: the run directory; a run begun there with the same settings is finished, and what
        other probes left there is kept.
      manifest: the run, as `manifests.begin` makes it; it names every job's probe.
      jobs: the whole work of each probe.
      lease: on the directory; taken for this call where `None`.
      prepare: called once before the first task, unless every task is there.
      failed: told of a probe whose task raised what nobody foresaw, and of that; the others are
        finished then. Raised where `None`, and where it is bad input, or the place or memory.
      progress: whether to draw a bar.

    Returns:
      The records of each job by its probe's name, those that failed left out, and the manifest of
      all that is there.

    Raises:
      InputError: the directory holds another run or parts of one, another process works there, or
        it can't be written.
    """
    with held(directory) if lease is None else nullcontext(lease) as own:
        runs = {job.probe: manifests.run_hash(manifest, job.probe) for job in jobs}
        manifest = manifests.taken_up(directory, manifest)
        # Before the manifest is written: without one, records of another run are found by this.
        complete = [complete_tasks(directory, job, runs[job.probe]) for job in jobs]
        own.check()
        manifests.write(directory, manifest)
        started = time.monotonic()
        missing = any(len(done) < len(job.tasks) for job, done in zip(jobs, complete, strict=True))
        if prepare is not None and missing:
            prepare()
        for job, there in zip(jobs, complete, strict=True):
            run = runs[job.probe]
            try:
                run_tasks(directory, job, run=run, complete=there, lease=own, progress=progress)
            except (InputError, MemoryError, OSError):
                raise
            except Exception as error:
                if failed is None:
                    raise
                failed(job.probe, error)
                del runs[job.probe]
        if len(runs) == len(jobs):
            manifest = manifests.finish(manifest, time.monotonic() - started)
        own.check()
        manifests.write(directory, manifest)
        return {name: read_records(directory, name, run) for name, run in runs.items()}, manifest
