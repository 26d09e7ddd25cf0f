"""Running the fragility probe over a data source: sharded, resumable, with a manifest."""

from __future__ import annotations

import sys
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
from tf_fragile.runs.execution import execute
from tf_fragile.runs.gallery import image_path, names_of, write_gallery
from tf_fragile.runs.identity import Origin
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.records import make_records
from tf_fragile.runs.shards import Shard, ShardResult, bar_over, plan_shards


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
    lease: Lease | None = None,
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
      lease: on the directory; taken for this call where `None`.
      progress: whether to draw a bar.

    Raises:
      InputError: the directory holds another run, is worked on by another process, or can't be
        written.
    """
    numbers = [int(position) for position in positions]
    manifest = manifests.begin(
        command=command,
        settings={**settings, "shard_size": shard_size, "positions": numbers},
        seed=probe.seed,
        model_hash=fingerprint(model),
        data_hash=source.fingerprint(),
        data_size=len(source),
        device=device(),
    )
    return execute(
        directory,
        manifest,
        plan_shards(numbers, shard_size),
        _work(probe, source, {int(position) for position in pictures}, progress),
        lease=lease,
        progress=progress,
    )


def keep_pictures(
    directory: Path | str,
    probe: FragilityProbe,
    source: Source,
    samples: Collection[int],
    records: pd.DataFrame,
    *,
    run: str,
    lease: Lease,
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
      run: its `manifest.settings_hash`.
      lease: on the directory.
      shard_size: images attacked together.
      progress: whether to draw a bar.
    """
    missing = sorted(set(map(int, samples)) - kept(names_of(directory, run)))
    with bar_over(len(missing), "picture", progress and bool(missing)) as bar:
        for shard in plan_shards(missing, shard_size):
            batch = source.load(shard.positions)
            with _steps(probe, shard, progress, extras=False) as steps:
                findings = probe(batch, steps.update, extras=False)
            arrays = to_arrays(batch, findings, source.preprocessing, set(shard.positions))
            arrays |= deviation_arrays(make_records(findings.rows), records)
            for sample in shard.positions:
                own = {name: array for name, array in arrays.items() if sample_of(name) == sample}
                lease.check()
                write_gallery(image_path(directory, sample), own, Origin(run, (sample,)))
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
