"""Pictures of the fragility probe as compact arrays: written by a shard, read by a report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.source import Batch
from tf_fragile.probes.fragility.images import Attacked

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Picture:
    """One image under one explainer and one attack.

    Attributes:
      sample: the image's position in the data.
      explainer: its name in the records.
      attack: its name in the records.
      original: float32 values 0..255 [H, W, C], all channels of the input.
      change: what the attack added to them [E, H, W, C].
      map: the clean map [H, W], mean 1.
      maps: the perturbed maps [E, H, W], likewise.
    """

    sample: int
    explainer: str
    attack: str
    original: np.ndarray
    change: np.ndarray
    map: np.ndarray
    maps: np.ndarray


def to_arrays(
    batch: Batch, findings: Attacked, preprocessing: Preprocessing, samples: Collection[int]
) -> dict[str, np.ndarray]:
    """Arrays to store for those images of `batch` whose index is in `samples`.

    Changes and maps are kept in half precision: a grey level to 1/128, a map to 1/1000.
    """
    arrays: dict[str, np.ndarray] = {}
    for column, i in enumerate(findings.kept):
        sample = int(batch.index[i])
        if sample not in samples:
            continue
        original = preprocessing.to_picture(batch.image[i])
        arrays[f"{sample}|original"] = original.astype(np.float32)
        for (explainer, attack), result in findings.results.items():
            size = result.map_before[column].size
            perturbed = preprocessing.to_picture(result.perturbed[:, column])
            key = f"{sample}|{explainer}|{attack}"
            arrays[f"{key}|change"] = (perturbed - original).astype(np.float16)
            arrays[f"{key}|map"] = _half(result.map_before[column] * size)
            arrays[f"{key}|maps"] = _half(result.map_after[:, column] * size)
    return arrays


def _half(maps: np.ndarray) -> np.ndarray:
    """In half precision, where a map with all its mass in one of many pixels would overflow."""
    least: np.ndarray = np.minimum(maps, np.finfo(np.float16).max)
    return least.astype(np.float16)


def deviation_arrays(again: pd.DataFrame, records: pd.DataFrame) -> dict[str, np.ndarray]:
    """By how much the overlaps of images attacked once more differ from those in the records.

    Args:
      again: records of the second attack; those of its images are compared.
      records: of the first.
    """
    key = ["sample", "explainer", "attack", "epsilon"]
    tables = (t[(t["metric"] == "top_k_intersection")][[*key, "value"]] for t in (again, records))
    new, old = tables
    pairs = new.merge(old, on=key, how="left", suffixes=("", "_before"))
    apart = (pairs["value"] - pairs["value_before"]).abs()
    both_undefined = pairs["value"].isna() & pairs["value_before"].isna()
    apart = apart.mask(both_undefined, 0.0).fillna(np.inf).groupby(pairs["sample"]).max()
    return {f"{sample}|deviation": np.asarray(value) for sample, value in apart.items()}


def deviations(arrays: Arrays) -> dict[int, float]:
    """The differences that `deviation_arrays` found, by sample."""
    return {sample_of(n): float(arrays[n]) for n in arrays if n.endswith("|deviation")}


def kept(names: Iterable[str]) -> set[int]:
    """The samples that have pictures among arrays of these names."""
    return {sample_of(name) for name in names if name.endswith("|original")}


def sample_of(name: str) -> int:
    """The sample that an array belongs to, by its name."""
    return int(name.partition("|")[0])


def from_arrays(arrays: Arrays) -> Iterator[Picture]:
    """The pictures in `arrays`, by sample, explainer and attack as stored."""
    for key in arrays:
        if not key.endswith("|change"):
            continue
        sample, explainer, attack, _ = key.split("|")
        stem = key.removesuffix("change")
        yield Picture(
            sample=int(sample),
            explainer=explainer,
            attack=attack,
            original=arrays[f"{sample}|original"],
            change=arrays[key].astype(np.float32),
            map=arrays[f"{stem}map"].astype(np.float32),
            maps=arrays[f"{stem}maps"].astype(np.float32),
        )
