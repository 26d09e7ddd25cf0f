"""What an audit may say: fragile where shown, robust where the search has ended, else nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from tf_fragile.audit.odd_maps import odd_maps
from tf_fragile.audit.plateau import Plateau
from tf_fragile.audit.summary import compare, is_random
from tf_fragile.audit.table import interval_of
from tf_fragile.metrics.statistics import Interval

FRAGILE_BELOW = 0.5

Word = Literal["FRAGILE", "INCONCLUSIVE", "PASS"]
Kind = Literal["feeding", "alarm", "failed", "odd map", "budget", "derivatives", "surrogate"]


@dataclass(frozen=True)
class Doubt:
    """A reason why something can't be concluded.

    Attributes:
      kind: what is in doubt: whether the model was fed rightly (then nothing is concluded), or
        the attack or its map (then robustness is not).
      text: one clause.
    """

    kind: Kind
    text: str


@dataclass(frozen=True)
class Verdict:
    """What is said of one explainer under one attack at the largest radius.

    Attributes:
      explainer: its name in the records.
      attack: the attack's.
      word: `"FRAGILE"`: the upper end of the interval of the mean top-k overlap is below a half.
        `"PASS"`: the lower end is not, no attack failed or was stuck, more steps add next to
        nothing, derivatives are right, kinks have surrogates and random signs do no more.
        `"INCONCLUSIVE"`: the rest, for an attack that did not succeed proves nothing by itself;
        and everything of a model that seems to be fed wrongly.
      text: one sentence.
      doubts: all that was in doubt, whether the sentence says it or not.
    """

    explainer: str
    attack: str
    word: Word
    text: str
    doubts: tuple[Doubt, ...] = ()


def verdicts(
    summary: pd.DataFrame,
    records: pd.DataFrame,
    k: int,
    *,
    plateaus: Mapping[tuple[str, str], Plateau],
    derivatives: str = "",
    bare: Sequence[str] = (),
    feeding: str = "",
) -> list[Verdict]:
    """One verdict an explainer and attack.

    Args:
      summary: of `summary.summarize`.
      records: what it was made from.
      k: of the top-k overlap.
      plateaus: of `plateau.plateaus`.
      derivatives: what is wrong with the model's derivatives, one clause; empty if nothing is.
      bare: names of layers that have or may have a kink and no surrogate.
      feeding: why the model seems to be fed wrongly, one clause; empty if it does not.
    """
    paired = compare(records).set_index(["explainer", "attack", "epsilon"])
    found = []
    for (explainer, attack), rows in summary.groupby(["explainer", "attack"], sort=False):
        if is_random(str(attack)):
            continue
        row = rows.sort_values("epsilon").iloc[-1]
        control = summary[
            (summary["explainer"] == explainer)
            & (summary["epsilon"] == row["epsilon"])
            & summary["attack"].map(is_random)
        ]
        key = (explainer, attack, row["epsilon"])
        lead = paired.loc[key, "difference_mean"] if key in paired.index else math.nan
        doubts = [Doubt("feeding", feeding)] if feeding else []
        doubts += _doubts(row, records, lead, plateaus.get((str(explainer), str(attack))))
        if derivatives:
            doubts.append(Doubt("derivatives", derivatives))
        if bare:
            clause = f"no surrogate stands in for {_named(bare)}, which may hide its fragility"
            doubts.append(Doubt("surrogate", clause))
        found.append(_verdict(str(explainer), str(attack), row, control, k, doubts))
    return found


def random_beats(verdict_text: str) -> bool:
    """Whether a verdict holds the alarm that random signs did more than the attack."""
    return _ALARM in verdict_text


_ALARM = "ALARM: random signs of the same size do more damage than the attack"


def _doubts(
    row: pd.Series, records: pd.DataFrame, lead: float, plateau: Plateau | None
) -> list[Doubt]:
    """Why robustness can't be concluded."""
    own = records[
        (records["explainer"] == row["explainer"])
        & (records["attack"] == row["attack"])
        & (records["epsilon"] == row["epsilon"])
    ]
    doubts = []
    if lead > 0:
        doubts.append(Doubt("alarm", f"{_ALARM}, so it is the attack that is weak"))
    doubts += [Doubt("failed", clause) for clause in _failures(own, int(row["n_failed"]))]
    odd = odd_maps(records).get(str(row["explainer"]))
    if odd:
        doubts.append(Doubt("odd map", odd))
    plateau = plateau or Plateau(Interval(math.nan, math.nan, math.nan, 0))
    if not plateau.reached:
        doubts.append(Doubt("budget", plateau.text))
    return doubts


def _failures(own: pd.DataFrame, failed: int) -> list[str]:
    """Why attacks failed: those that never moved, and those that left the label."""
    stuck = int(own.loc[own["metric"] == "stuck", "value"].sum())
    said = []
    if stuck:
        said.append(f"the attack had no derivative to follow on {stuck} images")
    if failed > stuck:
        said.append(f"it lost the label on {failed - stuck} images")
    return said


def _named(layers: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(repr(name) for name in layers[:most])
    return f"{shown} and {len(layers) - most} more" if len(layers) > most else shown


def _verdict(
    explainer: str, attack: str, row: pd.Series, control: pd.DataFrame, k: int, doubts: list[Doubt]
) -> Verdict:
    where = f"{explainer} under {attack} at epsilon = {row['epsilon']:g}"
    if not row["n"]:
        text = f"{where}: INCONCLUSIVE, the attack found nothing on {row['n_failed']:.0f} images"
        said = _said(doubts, "feeding", "failed", "odd map", "surrogate")
        return _sentence(explainer, attack, "INCONCLUSIVE", [text, *said], doubts)
    low, high = row["top_k_intersection_low"], row["top_k_intersection_high"]
    word: Word = "INCONCLUSIVE"
    if any(doubt.kind == "feeding" for doubt in doubts):
        pass  # what a wrongly fed model does says nothing, either way
    elif high < FRAGILE_BELOW:
        word = "FRAGILE"
    elif low >= FRAGILE_BELOW and not doubts:
        word = "PASS"
    text = (
        f"{where}: {word}, perturbations that keep the label leave {_overlap(row)} of the top {k}"
    )
    if len(control) and control.iloc[0]["n"]:
        text += f", random signs of the same size {_overlap(control.iloc[0])}"
    text += f" ({row['n']:.0f} images)"
    said = (
        [doubt.text for doubt in doubts]
        if word == "INCONCLUSIVE"
        else _said(doubts, "alarm", "odd map")
    )
    return _sentence(explainer, attack, word, [text, *said], doubts)


def _said(doubts: Sequence[Doubt], *kinds: Kind) -> list[str]:
    return [doubt.text for doubt in doubts if doubt.kind in kinds]


def _sentence(
    explainer: str, attack: str, word: Word, clauses: Sequence[str], doubts: Sequence[Doubt]
) -> Verdict:
    return Verdict(explainer, attack, word, "; ".join(clauses) + ".", tuple(doubts))


def _overlap(row: pd.Series) -> str:
    return interval_of(row, "top_k_intersection")
