"""From records to the curves of a figure: means over images, beside the published values."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tf_fragile.experiments.fragility.curves.paper import METRICS
from tf_fragile.experiments.frame.means import mean_of
from tf_fragile.metrics.catalog import is_share

COLUMNS = (
    "method", "attack", "epsilon", "metric", "mean", "low", "high", "n", "n_failed", "paper",
)  # fmt: skip


def curves(
    records: pd.DataFrame,
    paper: pd.DataFrame | None = None,
    *,
    metrics: tuple[str, ...] = METRICS,
) -> pd.DataFrame:
    """Means over images with 95 % bootstrap intervals.

    A failed attack says nothing about how far a map can be moved: it is counted in `n_failed`
    and left out of the mean.

    Args:
      records: the columns of `runs.records`.
      paper: the published values as from `paper.paper_curves`, if there are any.
      metrics: which metrics.

    Returns:
      Columns `COLUMNS`: one row a method, attack, epsilon (grey levels) and metric; `n` images
      behind the mean, `paper` NaN where nothing was published.
    """
    attacked = records[records["attack"] != ""]
    key = ["explainer", "attack", "epsilon"]
    rows = []
    for metric in metrics:
        for group, part in attacked[attacked["metric"] == metric].groupby(key, sort=True):
            interval = mean_of(part["value"], metric)
            failed = int((part["note"] != "").sum())
            rows.append(
                (*group, metric, interval.mean, interval.low, interval.high, interval.n, failed)
            )
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    if paper is None or table.empty:
        return table.assign(paper=np.nan)
    published = paper.drop(columns="approximate")
    return table.merge(published, on=["method", "attack", "epsilon", "metric"], how="left")


def for_people(table: pd.DataFrame, metric: str) -> str:
    """One metric of `curves` as text: a line a method and attack, a cell a radius."""
    part = table[table["metric"] == metric]
    digits = 3 if is_share(metric) else 1

    def cell(value: float) -> str:
        return "-" if np.isnan(value) else f"{value:.{digits}f}"

    lines = [f"{metric}: mean [95 % interval] (paper) at each radius"]
    for (method, attack), group in part.groupby(["method", "attack"], sort=True):
        failed = int(group["n_failed"].sum())
        lines.append(
            f"  {method}, {attack}, n = {group['n'].max()}"
            f"{f', {failed} failed attacks left out' if failed else ''}"
        )
        for row in group.sort_values("epsilon").to_dict("records"):
            paper = "" if np.isnan(row["paper"]) else f" ({cell(row['paper'])})"
            lines.append(
                f"    ε = {row['epsilon']:g}: {cell(row['mean'])} "
                f"[{cell(row['low'])}, {cell(row['high'])}]{paper}"
            )
    return "\n".join(lines)
