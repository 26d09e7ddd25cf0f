"""Who the samples of the records are: file, label and prediction of each, as a table."""

from __future__ import annotations

import pandas as pd

from tf_fragile.cli import shown
from tf_fragile.data.called import class_name, label_name
from tf_fragile.data.source import Source
from tf_fragile.runs.records import EXCLUDED

COLUMNS = (
    *("sample", "file", "label", "label_name", "predicted", "predicted_name"),
    "outcome",
)
AUDITED = "audited"


def sample_table(records: pd.DataFrame, source: Source) -> pd.DataFrame:
    """One row an image looked at, in the order of the data.

    Args:
      records: of any probe.
      source: where the images came from.

    Returns:
      Columns `COLUMNS`: the sample as in the records; its file, or its number in words; the true
      class, -1 where none is known, and the model's, each with its name; and `"audited"`, or why
      it was not (`"misclassified"`).
    """
    known = records[records["sample"] >= 0]  # doubts of the whole run are of no sample
    first = known.drop_duplicates("sample").sort_values("sample", kind="stable")
    left_out = records[records["role"] == EXCLUDED].drop_duplicates("sample")
    reasons = dict(zip(left_out["sample"], left_out["note"], strict=True))
    names = source.class_names
    rows = [
        (
            sample,
            shown(source.name_of(sample)),
            label,
            shown(label_name(label, names)),
            predicted,
            shown(class_name(predicted, names)),
            reasons.get(sample, AUDITED),
        )
        for sample, label, predicted in zip(
            *(map(int, first[column]) for column in ("sample", "label", "predicted")), strict=True
        )
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
