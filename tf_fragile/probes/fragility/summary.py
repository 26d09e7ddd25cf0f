"""From records to what may be said: means over images with intervals, and paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tf_fragile.metrics.catalog import limits_of, summarised
from tf_fragile.metrics.statistics import bootstrap_mean, holm, paired_difference
from tf_fragile.probes.fragility.names import PLACES, TOP_K
from tf_fragile.runs.records import CONTROL, DOUBT, EXCLUDED

SUCCESS = "success"
STUCK = "stuck"

_KEYS = ["explainer", "role", "attack", "epsilon"]
_IMAGE = ["sample", *_KEYS, "variant"]


def without_extras(records: pd.DataFrame) -> pd.DataFrame:
    """The records of the audit proper, without longer attacks and searches for radii."""
    return records[records["variant"] == ""]


def sizes(records: pd.DataFrame) -> tuple[int | None, int | None]:
    """The k of the overlap and how many places a map has; `None` where the records don't say."""
    own = records[records["sample"] < 0].set_index("metric")["value"]
    k, places = (int(own[name]) if name in own.index else None for name in (TOP_K, PLACES))
    return k, places


def chance(records: pd.DataFrame) -> float | None:
    """The overlap of unrelated maps; `None` where the records don't say."""
    k, places = sizes(records)
    return k / places if k and places else None


def successes(records: pd.DataFrame) -> pd.DataFrame:
    """Which attacks found a perturbation that keeps the label, one row an attacked image.

    An attack without a row of the metric `success` counts as successful; one that never moved
    (`stuck`) does not, whatever its row says.

    Returns:
      Columns sample, explainer, role, attack, epsilon, variant, success (bool).
    """
    own = ~records["role"].isin([EXCLUDED, DOUBT]) & (records["attack"] != "")
    images = records.loc[own & _begins(records, _IMAGE), _IMAGE].drop_duplicates()
    told = records.loc[own & (records["metric"] == SUCCESS), [*_IMAGE, "value"]]
    joined = images.merge(told, on=_IMAGE, how="left", validate="one_to_one")
    joined["success"] = joined.pop("value").fillna(1.0) > 0
    stuck = records.loc[own & (records["metric"] == STUCK) & (records["value"] > 0), _IMAGE]
    joined = joined.merge(stuck.drop_duplicates(), on=_IMAGE, how="left", indicator=True)
    joined["success"] &= joined.pop("_merge") == "left_only"
    return joined


def summarize(
    records: pd.DataFrame,
    *,
    metrics: Sequence[str] | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Means over images of each metric, one row a combination of explainer, attack and epsilon.

    A failed attack, and one that never moved, says nothing about how far a map can be moved, so it
    is counted and left out of the means. The images behind two rows may therefore differ;
    `compare` uses only the images that both have.

    Args:
      records: the probe's.
      metrics: which metrics to summarise; those that tables have where `None`.
      confidence: of the intervals over images.
      resamples: bootstrap resamples.
      seed: of the resampling.

    Returns:
      Columns explainer, role, attack, epsilon; `n`, images with a successful attack; `n_failed`,
      images whose attack failed; and for each metric `<metric>_mean`, `_low`, `_high` and
      `_n`, the finite values behind the mean (a constant map has no rank correlation); `_low`
      and `_high` are NaN where the values carry no interval.
      Sorted by explainer, epsilon and attack, controls first.
    """
    outcome = successes(records)
    metrics = summarised() if metrics is None else metrics
    values = kept_values(records, metrics)
    rows = []
    for key, group in outcome.groupby(_KEYS, sort=True):
        n = int(group["success"].sum())
        row = dict(zip(_KEYS, key, strict=True)) | {"n": n, "n_failed": len(group) - n}
        for metric in metrics:
            own = values.get((*key, metric), np.empty(0))
            interval = bootstrap_mean(own, confidence, resamples, seed, limits_of(metric))
            row |= {
                f"{metric}_mean": interval.mean,
                f"{metric}_low": interval.low,
                f"{metric}_high": interval.high,
                f"{metric}_n": interval.n,
            }
        rows.append(row)
    rows.sort(key=lambda r: (r["explainer"], r["epsilon"], r["role"] != CONTROL, r["attack"]))
    parts = ["mean", "low", "high", "n"]
    columns = [*_KEYS, "n", "n_failed", *(f"{m}_{part}" for m in metrics for part in parts)]
    return pd.DataFrame(rows, columns=columns)


def compare(
    records: pd.DataFrame,
    *,
    metric: str = "top_k_intersection",
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """How much further an attack moves the maps than its control of the same size, paired.

    Args:
      records: the probe's.
      metric: what to compare.
      confidence: of the bootstrap intervals over images.
      resamples: bootstrap resamples.
      seed: of the resampling.

    Returns:
      One row an explainer, attack and epsilon: `n`, images on which both succeeded;
      `difference_mean`, `_low`, `_high` of attack minus control; `p_value` of a two-sided
      sign-flip test, and `p_holm`, adjusted over all rows of the table.
    """
    kept = _kept(records, successes(records), metric)
    controls = kept[kept["role"] == CONTROL]
    first = controls[controls["attack"] == controls["attack"].min()]
    reference = first[["sample", "explainer", "epsilon", "value"]]
    pairs = kept[kept["attack"] != controls["attack"].min()].merge(
        reference, on=["sample", "explainer", "epsilon"], suffixes=("", "_baseline")
    )
    rows = []
    for key, group in pairs.sort_values("sample", kind="stable").groupby(_KEYS, sort=True):
        result = paired_difference(
            group["value"], group["value_baseline"], confidence, resamples, seed
        )
        difference = result.difference
        rows.append((*key, difference.n, difference.mean, difference.low, difference.high,
                     result.p_value))  # fmt: skip
    parts = [f"difference_{part}" for part in ("mean", "low", "high")]
    table = pd.DataFrame(rows, columns=[*_KEYS, "n", *parts, "p_value"])
    tested = table["p_value"].notna()
    table["p_holm"] = np.nan
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p_value"])
    return table


def kept_values(
    records: pd.DataFrame, metrics: Sequence[str] | None = None
) -> dict[tuple[str, str, str, float, str], np.ndarray]:
    """Values of the images whose attack succeeded, `[N]` in the order of the images.

    Args:
      records: the probe's.
      metrics: of which; all of them where `None`.

    Returns:
      By explainer, role, attack, epsilon and metric.
    """
    outcome = successes(records)
    values: dict[tuple[str, str, str, float, str], np.ndarray] = {}
    # One after the other: all at once they would be a second copy of the records.
    for metric in records["metric"].unique() if metrics is None else metrics:
        kept = _kept(records, outcome, metric).sort_values("sample", kind="stable")
        for key, group in kept.groupby(_KEYS)["value"]:
            values[(*key, metric)] = group.to_numpy()
    return values


def _kept(records: pd.DataFrame, outcome: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of a metric whose attack succeeded."""
    own = records.loc[records["metric"] == metric, [*_IMAGE, "value"]]
    return own.merge(outcome.loc[outcome["success"], _IMAGE], on=_IMAGE)


def _begins(records: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Which rows differ from the one before in one of some columns [N]."""
    begins = np.zeros(len(records), bool)
    begins[:1] = True
    for name in columns:
        column = records[name].array
        begins[1:] |= np.asarray(column[1:] != column[:-1], bool)
    return begins
