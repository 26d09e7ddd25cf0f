"""Work cut into shards, each written in one step, so that killing a run loses at most one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import make_directory, remove_leftovers
from tf_fragile.runs.gallery import gallery_directory, gallery_path, has_gallery, write_gallery
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


def is_complete(directory: Path | str, shard: Shard) -> bool:
    """Whether a shard's records and pictures are there and intact."""
    if not part_path(directory, shard.number).exists():
        return False
    intact = read_part(part_path(directory, shard.number)) is not None
    return intact and has_gallery(gallery_path(directory, shard.number))


def run_shards(
    directory: Path | str,
    shards: Sequence[Shard],
    work: Callable[[Shard], ShardResult],
    progress: bool = True,
) -> list[int]:
    """Computes the shards that are not there yet.

    The pictures of a shard are written before its records, each in one step, so a shard is
    complete exactly when its records are there. A damaged part counts as missing. One process
    at a time may work in a directory.

    Args:
      directory: the run directory; made where it is missing.
      shards: the whole plan; the same plan must be given when a run is taken up again.
      work: a deterministic function of the shard.
      progress: whether to draw a bar over samples on standard error.

    Returns:
      The numbers of the shards computed by this call.

    Raises:
      InputError: if the directory cannot be written; what is already written is kept.
    """
    for place in (part_directory(directory), gallery_directory(directory)):
        remove_leftovers(make_directory(place))
    complete = {shard.number for shard in shards if is_complete(directory, shard)}
    computed: list[int] = []
    done = sum(len(shard.positions) for shard in shards if shard.number in complete)
    with bar_over(sum(len(shard.positions) for shard in shards), "image", progress, done) as bar:
        for shard in shards:
            if shard.number in complete:
                continue
            bar.set_postfix(shard=f"{shard.number + 1}/{len(shards)}")
            result = work(shard)
            write_gallery(gallery_path(directory, shard.number), result.gallery)
            write_records(part_path(directory, shard.number), result.records)
            computed.append(shard.number)
            bar.update(len(shard.positions))
    return computed


def bar_over(total: int, unit: str, progress: bool, done: int = 0) -> tqdm[NoReturn]:
    """A bar on standard error; in a file or a pipe a line at most every half minute."""
    often = 0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES
    return tqdm(total=total, initial=done, unit=unit, disable=not progress, mininterval=often)
