"""What an audit may say: fragile where shown, robust where the search has ended, else nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tf_fragile.audit.family import Evidence, evidence
from tf_fragile.audit.odd_maps import odd_maps
from tf_fragile.audit.plateau import Plateau
from tf_fragile.audit.summary import compare, is_random, kept_values
from tf_fragile.audit.table import interval_of
from tf_fragile.metrics.statistics import Interval

Word = Literal["FRAGILE", "INCONCLUSIVE", "PASS"]
Kind = Literal[
    "feeding", "images", "alarm", "failed", "odd map", "budget", "derivatives", "surrogate", "ball"
]


@dataclass(frozen=True)
class Doubt:
    """A reason why something can't be concluded.

    Attributes:
      kind: what is in doubt: whether the model was fed rightly (then nothing is concluded), or
        the attack or its map (then robustness is not), or there is too little to go by.
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
      word: `"FRAGILE"`: the mean top-k overlap is surely below a half, by a test that is corrected
        for all verdicts of the audit (`family`). `"PASS"`: it is surely above by such a test, no
        attack failed or was stuck, more steps add next to nothing, derivatives are right, kinks
        have surrogates, random signs do no more and the ball holds other images.
        `"INCONCLUSIVE"`: the rest, for an attack that did not succeed proves nothing by itself; and
        everything of a model that seems to be fed wrongly.
      text: one sentence.
      doubts: all that was in doubt, whether the sentence says it or not.
      evidence: the test behind the word.
    """

    explainer: str
    attack: str
    word: Word
    text: str
    doubts: tuple[Doubt, ...] = ()
    evidence: Evidence | None = None


def verdicts(
    summary: pd.DataFrame,
    records: pd.DataFrame,
    k: int,
    *,
    plateaus: Mapping[tuple[str, str], Plateau],
    derivatives: str = "",
    bare: Sequence[str] = (),
    feeding: str = "",
    grid: str = "",
    there: int | None = None,
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
      grid: why the largest ball holds no other image, one clause; empty if it does.
      there: images that could be attacked at most; `None` for any number.
    """
    paired = compare(records).set_index(["explainer", "attack", "epsilon"])
    values = kept_values(records)
    judged = [
        (explainer, attack, rows.sort_values("epsilon").iloc[-1])
        for (explainer, attack), rows in summary.groupby(["explainer", "attack"], sort=False)
        if not is_random(str(attack))
    ]
    tests = evidence(
        [
            values.get((explainer, attack, row["epsilon"], "top_k_intersection"), np.empty(0))
            for explainer, attack, row in judged
        ]
    )
    found = []
    for (explainer, attack, row), tested in zip(judged, tests, strict=True):
        control = summary[
            (summary["explainer"] == explainer)
            & (summary["epsilon"] == row["epsilon"])
            & summary["attack"].map(is_random)
        ]
        key = (explainer, attack, row["epsilon"])
        lead = paired.loc[key, "difference_mean"] if key in paired.index else math.nan
        doubts = [Doubt("feeding", feeding)] if feeding else []
        short = tested.doubt(int(row["n_failed"]), there) if row["n"] else ""
        doubts += [Doubt("images", short)] if short else []
        doubts += _doubts(row, records, lead, plateaus.get((str(explainer), str(attack))))
        if derivatives:
            doubts.append(Doubt("derivatives", derivatives))
        if bare:
            clause = f"no surrogate stands in for {_named(bare)}, which may hide its fragility"
            doubts.append(Doubt("surrogate", clause))
        if grid:
            doubts.append(Doubt("ball", grid))
        found.append(_verdict(str(explainer), str(attack), row, control, k, doubts, tested))
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
    still = int(((own["metric"] == "linf") & (own["value"] == 0)).sum())
    if still:
        doubts.append(Doubt("ball", f"the image itself is all that was found on {still} images"))
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
    explainer: str,
    attack: str,
    row: pd.Series,
    control: pd.DataFrame,
    k: int,
    doubts: list[Doubt],
    tested: Evidence,
) -> Verdict:
    where = f"{explainer} under {attack} at epsilon = {row['epsilon']:g}"
    if not row["n"]:
        text = f"{where}: INCONCLUSIVE, the attack found nothing on {row['n_failed']:.0f} images"
        said = _said(doubts, "feeding", "failed", "odd map", "surrogate")
        return _sentence(explainer, attack, "INCONCLUSIVE", [text, *said], doubts, tested)
    word: Word = "INCONCLUSIVE"
    if any(doubt.kind == "feeding" for doubt in doubts):
        pass  # what a wrongly fed model does says nothing, either way
    elif tested.is_fragile:
        word = "FRAGILE"
    elif tested.is_robust and not doubts:
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
    return _sentence(explainer, attack, word, [text, *said], doubts, tested)


def _said(doubts: Sequence[Doubt], *kinds: Kind) -> list[str]:
    return [doubt.text for doubt in doubts if doubt.kind in kinds]


def _sentence(
    explainer: str,
    attack: str,
    word: Word,
    clauses: Sequence[str],
    doubts: Sequence[Doubt],
    tested: Evidence,
) -> Verdict:
    return Verdict(explainer, attack, word, "; ".join(clauses) + ".", tuple(doubts), tested)


def _overlap(row: pd.Series) -> str:
    return interval_of(row, "top_k_intersection")
