"""Running the fragility probe over a data source: sharded, resumable, with a manifest."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from tf_fragile.data.source import Source
from tf_fragile.models.fingerprint import fingerprint
from tf_fragile.probes.fragility import FragilityProbe
from tf_fragile.probes.pictures import to_arrays
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.records import make_records, read_records
from tf_fragile.runs.shards import Shard, ShardResult, plan_shards, run_shards


def run_probe(
    directory: Path | str,
    probe: FragilityProbe,
    source: Source,
    positions: Sequence[int],
    *,
    model: keras.Model,
    settings: Mapping[str, Any],
    command: Sequence[str],
    shard_size: int,
    gallery: int,
    progress: bool = True,
) -> tuple[pd.DataFrame, Manifest]:
    """Computes what is missing of a run and returns all of its records.

    Args:
      directory: the run directory; a run begun there with the same settings is finished.
      probe: what to do with each batch.
      source: where the images come from.
      positions: which of them.
      model: the user's model, for its digest.
      settings: everything that decides the records, for the manifest.
      command: the command line, for the manifest.
      shard_size: images a shard; part of the settings, for batches decide rounding.
      gallery: of how many images to keep pictures.
      progress: whether to draw a bar.

    Raises:
      InputError: the directory holds another run, or can't be written.
    """
    directory = make_directory(directory)
    manifest = manifests.open_run(
        directory,
        manifests.begin(
            command=command,
            settings={**settings, "shard_size": shard_size, "positions": list(map(int, positions))},
            seed=probe.seed,
            model_hash=fingerprint(model),
            data_hash=source.fingerprint(),
            device=device(),
        ),
    )
    started = time.monotonic()
    work = _work(probe, source, set(map(int, positions[:gallery])), progress)
    run_shards(directory, plan_shards([int(p) for p in positions], shard_size), work, progress)
    manifest = manifests.finish(manifest, time.monotonic() - started)
    manifests.write(directory, manifest)
    return read_records(directory), manifest


def device() -> str:
    """What the numbers are computed on, in words."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name) for name in names) or "CPU"


def _work(
    probe: FragilityProbe, source: Source, gallery: set[int], progress: bool
) -> Callable[[Shard], ShardResult]:
    # The bar over images stands still during a shard, which may take minutes.
    quiet = not (progress and sys.stderr.isatty())

    def work(shard: Shard) -> ShardResult:
        batch = source.load(shard.positions)
        total = probe.row_steps(shard.positions)
        with tqdm(total=total, unit="step", leave=False, position=1, disable=quiet) as bar:
            findings = probe(batch, bar.update)
        pictures = to_arrays(batch, findings, source.preprocessing, gallery)
        return ShardResult(make_records(findings.rows), pictures)

    return work
