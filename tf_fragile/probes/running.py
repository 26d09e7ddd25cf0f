"""Running probes over a data source: planned, resumable, with a manifest. Any probe, all alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import keras
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from tf_fragile.data.source import Source
from tf_fragile.models.fingerprint import fingerprint
from tf_fragile.probes.contract import Findings, Pictured, Probe, Task
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.execution import execute
from tf_fragile.runs.gallery import image_path, names_of, write_gallery
from tf_fragile.runs.identity import Origin
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.shards import Job, bar_over


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
    progress: bool = True,
) -> tuple[dict[str, pd.DataFrame], Manifest]:
    """Computes what is missing of a run and returns all of its records.

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
      progress: whether to draw a bar.

    Returns:
      Records by the probe's name, and the manifest.

    Raises:
      InputError: the directory holds another run, is worked on by another process, or can't be
        written.
    """
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
        Job(probe.name, probe.keys, probe.tasks(numbers, size), _work(probe, progress))
        for probe in probes
    ]
    return execute(directory, manifest, jobs, lease=lease, progress=progress)


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
      progress: whether to draw a bar.
    """
    there = {int(array.partition("|")[0]) for array in names_of(directory, name, run)}
    missing = sorted(set(map(int, samples)) - there)
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


def device() -> str:
    """What the numbers are computed on, in words."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name) for name in names) or "CPU"


def _work(probe: Probe, progress: bool) -> Callable[[Task], Findings]:
    def work(task: Task) -> Findings:
        with _ticks(probe.work([task]).ticks, progress) as bar:
            return probe(task, bar.update)

    return work


def _ticks(total: int, progress: bool) -> tqdm[NoReturn]:
    # The bar over images stands still during a task, which may take minutes.
    quiet = not (progress and sys.stderr.isatty())
    return tqdm(total=total or None, unit="step", leave=False, position=1, disable=quiet)
