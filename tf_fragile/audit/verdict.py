"""What an audit may say: fragile where shown, otherwise inconclusive, never robust."""

from __future__ import annotations

import pandas as pd

from tf_fragile.audit.summary import is_random
from tf_fragile.audit.table import interval_of

FRAGILE_BELOW = 0.5


def verdicts(summary: pd.DataFrame, k: int) -> list[str]:
    """One sentence an explainer and attack, at the largest radius.

    FRAGILE: the upper end of the interval of the mean top-k overlap under attack is below a half.
    INCONCLUSIVE: anything else, for an attack that did not succeed proves nothing.

    Args:
      summary: of `summary.summarize`.
      k: of the top-k overlap.
    """
    lines = []
    for (explainer, attack), rows in summary.groupby(["explainer", "attack"], sort=False):
        if is_random(str(attack)):
            continue
        row = rows.sort_values("epsilon").iloc[-1]
        control = summary[
            (summary["explainer"] == explainer)
            & (summary["epsilon"] == row["epsilon"])
            & summary["attack"].map(is_random)
        ]
        lines.append(_sentence(str(explainer), str(attack), row, control, k))
    return lines


def _sentence(explainer: str, attack: str, row: pd.Series, control: pd.DataFrame, k: int) -> str:
    where = f"{explainer} under {attack} at epsilon = {row['epsilon']:g}"
    if not row["n"]:
        return f"{where}: INCONCLUSIVE, the attack found nothing on {row['n_failed']:.0f} images."
    high = row["top_k_intersection_high"]
    word = "FRAGILE" if high < FRAGILE_BELOW else "INCONCLUSIVE"
    overlap = _overlap(row)
    text = f"{where}: {word}, perturbations that keep the label leave {overlap} of the top {k}"
    if len(control) and control.iloc[0]["n"]:
        text += f", random signs of the same size {_overlap(control.iloc[0])}"
    return f"{text} ({row['n']:.0f} images)."


def _overlap(row: pd.Series) -> str:
    return interval_of(row, "top_k_intersection")
