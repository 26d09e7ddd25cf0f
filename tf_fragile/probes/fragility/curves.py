"""The summary as curves: every metric against epsilon."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from tf_fragile.metrics.catalog import heading_of, is_share, summarised
from tf_fragile.report.blocks import Curve, Plot, Point
from tf_fragile.runs.records import CONTROL

_OVERLAP = "top_k_intersection"


def plots(summary: pd.DataFrame, explainer: str, chance: float | None) -> Iterator[Plot]:
    """The curves of one explainer, one plot a metric that has a mean.

    Args:
      summary: from `summarize`.
      explainer: whose rows to draw.
      chance: chance level of the top-k overlap, drawn as a line, or None.
    """
    rows = summary[summary["explainer"] == explainer]
    for metric in summarised():
        if f"{metric}_mean" not in rows or not rows[f"{metric}_mean"].notna().any():
            continue
        level = (chance, "chance") if metric == _OVERLAP and chance is not None else None
        curves = tuple(
            _curve(rows[rows["attack"] == attack], metric) for attack in rows["attack"].unique()
        )
        yield Plot(heading_of(metric), explainer, "ε", curves, is_share(metric), level)


def _curve(rows: pd.DataFrame, metric: str) -> Curve:
    rows = rows.sort_values("epsilon")
    columns = ["epsilon", *(f"{metric}_{part}" for part in ("mean", "low", "high", "n"))]
    points = tuple(
        Point(float(x), float(mean), float(low), float(high), int(n))
        for x, mean, low, high, n in rows[columns].itertuples(index=False)
    )
    return Curve(str(rows["attack"].iloc[0]), points, bool((rows["role"] == CONTROL).all()))
