"""A run from its plan to its records: directory held, manifest kept, what is missing computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pandas as pd

from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.atomic import make_directory, remove_leftovers
from tf_fragile.runs.gallery import gallery_directory
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.records import part_directory, read_records
from tf_fragile.runs.shards import Shard, ShardResult, complete_shards, run_shards

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
        for place in (directory, part_directory(directory), gallery_directory(directory)):
            remove_leftovers(place)
        yield lease


def execute(
    directory: Path | str,
    manifest: Manifest,
    shards: Sequence[Shard],
    work: Callable[[Shard], ShardResult],
    *,
    lease: Lease | None = None,
    progress: bool = True,
) -> tuple[pd.DataFrame, Manifest]:
    """Computes what is missing of a run and returns all of its records.

    Args:
      directory: the run directory; a run begun there with the same settings is finished.
      manifest: the run, as `manifests.begin` makes it.
      shards: the whole plan.
      work: a deterministic function of the shard.
      lease: on the directory; taken for this call where `None`.
      progress: whether to draw a bar.

    Raises:
      InputError: the directory holds another run or parts of one, another process works there, or
        it can't be written.
    """
    with held(directory) if lease is None else nullcontext(lease) as own:
        run = manifests.settings_hash(manifest)
        manifest = manifests.taken_up(directory, manifest)
        # Before the manifest is written: without one, records of another run are found by this.
        complete = complete_shards(directory, shards, run)
        own.check()
        manifests.write(directory, manifest)
        started = time.monotonic()
        run_shards(
            directory, shards, work, run=run, complete=complete, lease=own, progress=progress
        )
        manifest = manifests.finish(manifest, time.monotonic() - started)
        own.check()
        manifests.write(directory, manifest)
        return read_records(directory, run), manifest
