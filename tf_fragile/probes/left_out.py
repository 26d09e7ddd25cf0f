"""Samples that are not asked about, as rows whose role is excluded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tf_fragile.data.source import Batch
from tf_fragile.runs.records import EXCLUDED

MISCLASSIFIED = "misclassified"


def split(
    batch: Batch, predicted: ArrayLike, only_correct: bool
) -> tuple[NDArray[np.int64], list[dict[str, Any]]]:
    """Which samples are asked about, and a record of each that is not.

    Args:
      batch: samples.
      predicted: the model's label of each [B].
      only_correct: whether those that it gets wrong are left out; without a label nothing is wrong.

    Returns:
      Places in the batch, ascending, and rows for `runs.records.make_records`.
    """
    labels = np.asarray(predicted)
    wrong = (batch.label >= 0) & (batch.label != labels) & only_correct
    rows = [
        {
            "sample": int(batch.index[place]),
            "label": int(batch.label[place]),
            "predicted": int(labels[place]),
            "role": EXCLUDED,
            "metric": EXCLUDED,
            "value": 1.0,
            "note": MISCLASSIFIED,
        }
        for place in np.flatnonzero(wrong)
    ]
    return np.flatnonzero(~wrong), rows
