"""Running probes over a data source: planned, resumable, with a manifest. Any probe, all alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import keras
import pandas as pd
from tqdm import tqdm

from tf_fragile.data.source import Source
from tf_fragile.models.device import device
from tf_fragile.models.fingerprint import fingerprint
from tf_fragile.probes.contract import Findings, Pictured, Probe, Row, Task
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.artefacts import Artefact, Store
from tf_fragile.runs.execution import execute
from tf_fragile.runs.gallery import image_path, names_of, write_gallery
from tf_fragile.runs.identity import Origin
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.records import DOUBT
from tf_fragile.runs.shards import Job, bar_over

__all__ = ["device", "doubt_rows", "keep_pictures", "run"]


def run(
    directory: Path | str,
    probes: Sequence[Probe],
    source: Source,
    positions: Sequence[int],
    *,
    model: keras.Model,
    seed: int,
    settings: Mapping[str, Any],
    settings_of: Mapping[str, Mapping[str, Any]],
    command: Sequence[str],
    size: int,
    lease: Lease | None = None,
    store: Store | None = None,
    doubts: Mapping[str, str] | None = None,
    failed: Callable[[str, Exception], None] | None = None,
    progress: bool = True,
) -> tuple[dict[str, pd.DataFrame], Manifest]:
    """Computes what is missing of a run and returns all of its records.

    What tasks share is built before the first of them, and not at all where all are there.

    Args:
      directory: the run directory; a run begun there with the same settings is finished.
      probes: what to ask.
      source: where the images come from.
      positions: which of them.
      model: the user's model, for its digest.
      seed: of the run.
      settings: everything that decides the records of all probes, for the manifest.
      settings_of: what decides those of each one, by its name.
      command: the command line, for the manifest.
      size: images a task; part of the settings, for batches decide rounding.
      lease: on the directory; taken for this call where `None`.
      store: where the artefacts of probes are built and kept, the one that their tasks read from.
      doubts: what makes all that is found doubtful, a clause by its kind, empty for none; each
        probe's table begins with them. They follow from model, data and settings, as records do.
      failed: told of a probe whose task raised what nobody foresaw, see `execution.execute`.
      progress: whether to draw a bar.

    Returns:
      Records by the probe's name, and the manifest.

    Raises:
      InputError: the directory holds another run, is worked on by another process, or can't be
        written; or the cache can't.
      RuntimeError: a probe has artefacts and there is no store.
    """
    artefacts = [artefact for probe in probes for artefact in probe.artefacts()]
    _check_store(artefacts, store)
    numbers = [int(position) for position in positions]
    manifest = manifests.begin(
        command=command,
        settings={**settings, "shard_size": size, "positions": numbers},
        probes={probe.name: settings_of[probe.name] for probe in probes},
        seed=seed,
        model_hash=fingerprint(model),
        data_hash=source.fingerprint(),
        data_size=len(source),
        device=device(),
    )
    jobs = [
        Job(probe.name, probe.keys, probe.tasks(numbers, size), _work(probe, doubts, progress))
        for probe in probes
    ]

    def prepare() -> None:
        if store is not None:
            store.build(artefacts, progress=progress)

    return execute(
        directory,
        manifest,
        jobs,
        lease=lease,
        prepare=prepare,
        failed=failed,
        progress=progress,
    )


def keep_pictures(
    directory: Path | str,
    probe: Pictured,
    samples: Sequence[int],
    records: pd.DataFrame,
    *,
    name: str,
    run: str,
    lease: Lease,
    size: int,
    artefacts: Sequence[Artefact] = (),
    store: Store | None = None,
    progress: bool = True,
) -> None:
    """Makes the pictures of samples of a finished run, unless it has them already.

    Interrupted, only the part in flight is lost.

    Args:
      directory: the run directory.
      probe: of the run.
      samples: which images; those that the probe leaves out have no pictures.
      records: of the probe.
      name: the probe's.
      run: its `manifest.run_hash`.
      lease: on the directory.
      size: images looked at together.
      artefacts: what the probe reads, built anew where the cache was emptied since the run.
      store: where they are.
      progress: whether to draw a bar.

    Raises:
      InputError: the directory or the cache can't be written.
      RuntimeError: there are artefacts and no store.
    """
    _check_store(artefacts, store)
    there = {int(array.partition("|")[0]) for array in names_of(directory, name, run)}
    missing = sorted(set(map(int, samples)) - there)
    if store is not None and missing:
        store.build(artefacts, progress=progress)
    with bar_over(len(missing), "picture", progress and bool(missing)) as bar:
        for begin in range(0, len(missing), size):
            part = missing[begin : begin + size]
            with _ticks(0, progress) as ticks:
                found = probe.pictures(part, records, ticks.update)
            for sample, arrays in found.items():
                lease.check()
                path = image_path(directory, name, sample)
                write_gallery(path, arrays, Origin(run, (sample,)))
            bar.update(len(part))


def doubt_rows(doubts: Mapping[str, str] | None) -> list[Row]:
    """What is doubtful of all images, a row a kind; of no sample."""
    nobody = {"sample": -1, "label": -1, "predicted": -1}
    return [
        {**nobody, "role": DOUBT, "metric": kind, "value": 1.0, "note": clause}
        for kind, clause in (doubts or {}).items()
        if clause
    ]


def _check_store(artefacts: Sequence[Artefact], store: Store | None) -> None:
    if artefacts and store is None:
        raise RuntimeError(f"{artefacts[0].name} can't be built: the run was given no store")


def _work(
    probe: Probe, doubts: Mapping[str, str] | None, progress: bool
) -> Callable[[Task], Findings]:
    def work(task: Task) -> Findings:
        with _ticks(probe.work([task]).ticks, progress) as bar:
            found = probe(task, bar.update)
        first = task.number == 0
        return replace(found, rows=[*doubt_rows(doubts), *found.rows]) if first else found

    return work


def _ticks(total: int, progress: bool) -> tqdm[NoReturn]:
    # The bar over images stands still during a task, which may take minutes.
    quiet = not (progress and sys.stderr.isatty())
    return tqdm(total=total or None, unit="step", leave=False, position=1, disable=quiet)
