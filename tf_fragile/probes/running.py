"""Running the fragility probe over a data source: sharded, resumable, with a manifest."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import keras
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from tf_fragile.data.source import Source
from tf_fragile.models.fingerprint import fingerprint
from tf_fragile.probes.fragility import FragilityProbe
from tf_fragile.probes.pictures import deviation_arrays, kept, sample_of, to_arrays
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.gallery import image_path, names_of, write_gallery
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.records import make_records, read_records
from tf_fragile.runs.shards import Shard, ShardResult, bar_over, plan_shards, run_shards


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
    pictures: Collection[int] = (),
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
      pictures: positions of the images of which pictures are kept, where they are attacked.
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
            data_size=len(source),
            device=device(),
        ),
    )
    started = time.monotonic()
    work = _work(probe, source, {int(position) for position in pictures}, progress)
    run_shards(directory, plan_shards([int(p) for p in positions], shard_size), work, progress)
    manifest = manifests.finish(manifest, time.monotonic() - started)
    manifests.write(directory, manifest)
    return read_records(directory), manifest


def keep_pictures(
    directory: Path | str,
    probe: FragilityProbe,
    source: Source,
    samples: Collection[int],
    records: pd.DataFrame,
    *,
    shard_size: int,
    progress: bool = True,
) -> None:
    """Attacks images of a finished run once more, for pictures, unless it has them already.

    With fixed chunks and a seed a sample an attack comes out the same to the bit; where it does
    not, as on another device, `pictures.deviations` says by how much. Interrupted, only the shard
    in flight is lost.

    Args:
      directory: the run directory.
      probe: of the run.
      source: of the run.
      samples: which images; those that the probe leaves out have no pictures.
      records: of the run.
      shard_size: images attacked together.
      progress: whether to draw a bar.
    """
    missing = sorted(set(map(int, samples)) - kept(names_of(directory)))
    with bar_over(len(missing), "picture", progress and bool(missing)) as bar:
        for shard in plan_shards(missing, shard_size):
            batch = source.load(shard.positions)
            with _steps(probe, shard, progress, extras=False) as steps:
                findings = probe(batch, steps.update, extras=False)
            arrays = to_arrays(batch, findings, source.preprocessing, set(shard.positions))
            arrays |= deviation_arrays(make_records(findings.rows), records)
            for sample in shard.positions:
                own = {name: array for name, array in arrays.items() if sample_of(name) == sample}
                write_gallery(image_path(directory, sample), own)
            bar.update(len(shard.positions))


def device() -> str:
    """What the numbers are computed on, in words."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name) for name in names) or "CPU"


def _work(
    probe: FragilityProbe, source: Source, shown: set[int], progress: bool
) -> Callable[[Shard], ShardResult]:
    def work(shard: Shard) -> ShardResult:
        batch = source.load(shard.positions)
        with _steps(probe, shard, progress) as bar:
            findings = probe(batch, bar.update)
        pictures = to_arrays(batch, findings, source.preprocessing, shown)
        return ShardResult(make_records(findings.rows), pictures)

    return work


def _steps(
    probe: FragilityProbe, shard: Shard, progress: bool, *, extras: bool = True
) -> tqdm[NoReturn]:
    # The bar over images stands still during a shard, which may take minutes.
    quiet = not (progress and sys.stderr.isatty())
    total = probe.row_steps(shard.positions, extras=extras)
    return tqdm(total=total, unit="step", leave=False, position=1, disable=quiet)
