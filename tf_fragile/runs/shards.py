"""Work cut into shards, each written in one step, so that killing a run loses at most one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.gallery import PARTS as PICTURES
from tf_fragile.runs.gallery import gallery_directory, gallery_path, read_pictures, write_gallery
from tf_fragile.runs.identity import Origin, Read, State, check_run, judged
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.records import PARTS as RECORDS
from tf_fragile.runs.records import part_directory, part_path, read_part, write_records

_SECONDS_BETWEEN_LINES = 30.0


@dataclass(frozen=True)
class Shard:
    """A run of samples that are computed and written together.

    Attributes:
      number: which shard, from 0.
      positions: the samples' positions in the data.
    """

    number: int
    positions: tuple[int, ...]


@dataclass(frozen=True)
class ShardResult:
    """What the work on one shard gives.

    Attributes:
      records: the columns of `records.SCHEMA`.
      gallery: arrays for pictures by a name that no other shard uses; may be empty.
    """

    records: pd.DataFrame
    gallery: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)


def plan_shards(positions: Sequence[int], shard_size: int) -> tuple[Shard, ...]:
    """Cuts positions into consecutive shards of `shard_size`, the last one maybe smaller.

    Raises:
      InputError: if `shard_size` is below 1 or a position occurs twice.
    """
    if shard_size < 1:
        raise InputError(f"A shard size of {shard_size} holds no sample; choose at least 1.")
    if len(set(positions)) != len(positions):
        raise InputError("A sample occurs twice in the plan; give each position once.")
    starts = range(0, len(positions), shard_size)
    return tuple(
        Shard(number, tuple(int(p) for p in positions[start : start + shard_size]))
        for number, start in enumerate(starts)
    )


def complete_shards(directory: Path | str, shards: Sequence[Shard], run: str) -> set[int]:
    """The numbers of the shards whose records and pictures are there, intact and of this run.

    A part that is damaged, or of other samples of this run, counts as missing.

    Args:
      directory: the run directory.
      shards: the whole plan.
      run: the run's `manifest.settings_hash`.

    Raises:
      InputError: an intact part is of another run or does not say of which, or a part is there that
        the plan has not.
    """
    found: dict[Path, Read[Any] | None] = {
        path: _read(path)
        for place, kind in ((part_directory, RECORDS), (gallery_directory, PICTURES))
        for path in sorted(place(directory).glob(kind))
    }
    for path, part in found.items():
        check_run(part, run, path)
    planned = {path for shard in shards for path in _paths(directory, shard)}
    for path in (path for path in found if path not in planned):
        raise InputError(
            f"{path} is no part of this run, which has {len(shards)} parts; move it away, or "
            "choose another --out."
        )
    return {
        shard.number
        for shard in shards
        if all(
            judged(found.get(path), Origin(run, shard.positions)) is State.WHOLE
            for path in _paths(directory, shard)
        )
    }


def seems_complete(directory: Path | str, shard: Shard) -> bool:
    """Whether records and pictures of a shard's samples are there and intact, of whichever run.

    For estimates before a run is opened, which then refuses those of another.
    """
    parts = [_read(path) for path in _paths(directory, shard)]
    return all(part and part.origin and part.origin.positions == shard.positions for part in parts)


def _paths(directory: Path | str, shard: Shard) -> tuple[Path, Path]:
    return part_path(directory, shard.number), gallery_path(directory, shard.number)


def _read(path: Path) -> Read[Any] | None:
    """A part of either kind, its pictures left out."""
    return read_part(path) if path.match(RECORDS) else read_pictures(path, lambda name: False)


def run_shards(
    directory: Path | str,
    shards: Sequence[Shard],
    work: Callable[[Shard], ShardResult],
    *,
    run: str,
    complete: Collection[int],
    lease: Lease,
    progress: bool = True,
) -> list[int]:
    """Computes the shards that are not there yet.

    The pictures of a shard are written before its records, each in one step, so a shard is
    complete exactly when its records are there.

    Args:
      directory: the run directory; made where it is missing.
      shards: the whole plan; the same plan must be given when a run is taken up again.
      work: a deterministic function of the shard.
      run: what makes the parts, the run's `manifest.settings_hash`.
      complete: the numbers of those that are there, from `complete_shards`.
      lease: on the directory; checked before each part is written.
      progress: whether to draw a bar over samples on standard error.

    Returns:
      The numbers of the shards computed by this call.

    Raises:
      InputError: if the directory cannot be written, or was taken over by another process; what is
        already written is kept.
    """
    for place in (part_directory(directory), gallery_directory(directory)):
        make_directory(place)
    computed: list[int] = []
    done = sum(len(shard.positions) for shard in shards if shard.number in complete)
    with bar_over(sum(len(shard.positions) for shard in shards), "image", progress, done) as bar:
        for shard in shards:
            if shard.number in complete:
                continue
            bar.set_postfix(shard=f"{shard.number + 1}/{len(shards)}")
            result, origin = work(shard), Origin(run, shard.positions)
            lease.check()
            write_gallery(gallery_path(directory, shard.number), result.gallery, origin)
            lease.check()
            write_records(part_path(directory, shard.number), result.records, origin)
            computed.append(shard.number)
            bar.update(len(shard.positions))
    return computed


def bar_over(
    total: int, unit: str, progress: bool, done: int = 0, what: str | None = None
) -> tqdm[NoReturn]:
    """A bar on standard error; in a file or a pipe a line at most every half minute."""
    often = 0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES
    quiet = not progress
    return tqdm(desc=what, total=total, initial=done, unit=unit, disable=quiet, mininterval=often)
