"""Means over images with their intervals, as every figure has them."""

from __future__ import annotations

import pandas as pd
from numpy.typing import ArrayLike

from tf_fragile.metrics.catalog import limits_of
from tf_fragile.metrics.statistics import Interval, bootstrap_mean


def values_of(records: pd.DataFrame, metric: str) -> pd.Series:
    """One metric of some records, by sample, in order."""
    own = records[records["metric"] == metric]
    return own.set_index("sample")["value"].sort_index()


def mean_of(values: ArrayLike, metric: str) -> Interval:
    """The mean of a metric over images with a 95 % interval, within what the metric can be.

    Args:
      values: `[N]`, one an image, in any order; those that are not finite are left out.
      metric: by its name; one that is not registered has no limits.
    """
    return bootstrap_mean(values, within=limits_of(metric))
