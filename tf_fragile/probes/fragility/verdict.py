"""What an audit may say: fragile where shown, robust where the search has ended, else nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tf_fragile.metrics.statistics import Interval
from tf_fragile.probes.fragility.family import FRAGILE_BELOW, Evidence, evidence
from tf_fragile.probes.fragility.odd_maps import odd_maps
from tf_fragile.probes.fragility.plateau import Plateau, plateaus
from tf_fragile.probes.fragility.summary import compare, kept_values, sizes, without_extras
from tf_fragile.probes.fragility.table import interval_of
from tf_fragile.report.verdict import INCONCLUSIVE, Reason, State, Verdict
from tf_fragile.runs.records import CONTROL, DOUBT, MEASURED

PROBE = "fragility"
WORDS: Mapping[State, str] = {"good": "PASS", "bad": "FRAGILE", "unknown": INCONCLUSIVE}
FEEDING, DERIVATIVES, SURROGATE, BALL = OF_THE_RUN = ("feeding", "derivatives", "surrogate", "ball")
"""Kinds of reasons that come with the run, as doubts in its records."""

ALARM = "ALARM: random signs of the same size do more damage than the attack"
_OVERLAP = "top_k_intersection"


def verdicts(
    summary: pd.DataFrame, records: pd.DataFrame, *, there: int | None = None
) -> list[Verdict]:
    """One verdict an explainer and attack, at the largest radius.

    `FRAGILE`: the mean top-k overlap is surely below a half, by a test that is corrected for all
    verdicts of the audit (`family`). `PASS`: it is surely above by such a test, no attack failed or
    was stuck, more steps add next to nothing, derivatives are right, kinks have surrogates, random
    signs do no more and the ball holds other images. `INCONCLUSIVE`: the rest, for an attack that
    did not succeed proves nothing by itself; and all that is found on a model that seems to be fed
    wrongly.

    Args:
      summary: of `summary.summarize`, of the attacks proper.
      records: all of the probe.
      there: images that could be attacked at most; `None` for any number.
    """
    proper, budgets, of_the_run = without_extras(records), plateaus(records), _of_the_run(records)
    paired = compare(proper).set_index(["explainer", "attack", "epsilon"])
    values = kept_values(proper, [_OVERLAP])
    judged = [
        (str(explainer), str(attack), rows.sort_values("epsilon").iloc[-1])
        for (explainer, attack), rows in summary[summary["role"] == MEASURED].groupby(
            ["explainer", "attack"], sort=False
        )
    ]
    tests = evidence(
        [
            values.get((explainer, MEASURED, attack, float(row["epsilon"]), _OVERLAP), np.empty(0))
            for explainer, attack, row in judged
        ]
    )
    told = _top(records)
    found = []
    for (explainer, attack, row), tested in zip(judged, tests, strict=True):
        key = (explainer, attack, row["epsilon"])
        lead = paired.loc[key, "difference_mean"] if key in paired.index else math.nan
        reasons = [Reason(FEEDING, of_the_run[FEEDING])] if FEEDING in of_the_run else []
        short = tested.doubt(int(row["n_failed"]), there) if row["n"] else ""
        reasons += [Reason("images", short)] if short else []
        reasons += _reasons(row, proper, lead, budgets.get((explainer, attack)))
        reasons += [Reason(kind, text) for kind, text in of_the_run.items() if kind != FEEDING]
        found.append(_verdict(row, summary, told, reasons, tested))
    return found


def _top(records: pd.DataFrame) -> str:
    """Of how many places the overlap is, in words."""
    k, _ = sizes(records)
    return "places" if k is None else str(k)


def _of_the_run(records: pd.DataFrame) -> dict[str, str]:
    """What casts doubt on all that the probe found, a clause by its kind."""
    rows = records[(records["role"] == DOUBT) & (records["sample"] < 0)]
    told = dict(zip(rows["metric"], rows["note"], strict=True))
    return {kind: str(told[kind]) for kind in OF_THE_RUN if kind in told}


def _reasons(
    row: pd.Series, records: pd.DataFrame, lead: float, plateau: Plateau | None
) -> list[Reason]:
    """Why robustness can't be concluded."""
    own = records[
        (records["explainer"] == row["explainer"])
        & (records["attack"] == row["attack"])
        & (records["epsilon"] == row["epsilon"])
    ]
    reasons = []
    if lead > 0:
        reasons.append(Reason("alarm", f"{ALARM}, so it is the attack that is weak"))
    reasons += [Reason("failed", clause) for clause in _failures(own, int(row["n_failed"]))]
    odd = odd_maps(records).get(str(row["explainer"]))
    if odd:
        reasons.append(Reason("odd map", odd))
    still = int(((own["metric"] == "linf") & (own["value"] == 0)).sum())
    if still:
        clause = f"the image itself is all that was found on {still} images"
        reasons.append(Reason(BALL, clause))
    plateau = plateau or Plateau(Interval(math.nan, math.nan, math.nan, 0))
    if not plateau.reached:
        reasons.append(Reason("budget", plateau.text))
    return reasons


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
    row: pd.Series, summary: pd.DataFrame, k: str, reasons: list[Reason], tested: Evidence
) -> Verdict:
    state: State = "unknown"
    if not row["n"] or any(reason.kind == FEEDING for reason in reasons):
        pass  # what a wrongly fed model does says nothing, either way
    elif tested.is_fragile:
        state = "bad"
    elif tested.is_robust and not reasons:
        state = "good"
    beside = summary[
        (summary["explainer"] == row["explainer"])
        & (summary["epsilon"] == row["epsilon"])
        & (summary["role"] == CONTROL)
    ]
    control = interval_of(beside.iloc[0], _OVERLAP) if len(beside) and beside.iloc[0]["n"] else ""
    facts: dict[str, Any] = {
        "epsilon": float(row["epsilon"]),
        "k": k,
        "failed": int(row["n_failed"]),
        "overlap": interval_of(row, _OVERLAP),
        "control": control,
        "evidence": tested,
    }
    mean, low, high = (float(row[f"{_OVERLAP}_{part}"]) for part in ("mean", "low", "high"))
    return Verdict(
        probe=PROBE,
        explainer=str(row["explainer"]),
        question=str(row["attack"]),
        word=WORDS[state],
        state=state,
        value=mean,
        low=low,
        high=high,
        n=int(row["n"]),
        threshold=FRAGILE_BELOW,
        reasons=tuple(reasons),
        facts=facts,
    )


def sentence(verdict: Verdict) -> str:
    """A verdict in words."""
    facts = verdict.facts
    where = f"{verdict.explainer} under {verdict.question} at epsilon = {facts['epsilon']:g}"
    if not verdict.n:
        text = f"{where}: {verdict.word}, the attack found nothing on {facts['failed']} images"
        told: Sequence[str] = verdict.reasons_of(FEEDING, "failed", "odd map", SURROGATE)
        return "; ".join([text, *told]) + "."
    text = (
        f"{where}: {verdict.word}, perturbations that keep the label leave {facts['overlap']} of "
        f"the top {facts['k']}"
    )
    if facts["control"]:
        text += f", random signs of the same size {facts['control']}"
    text += f" ({verdict.n} images)"
    everything = [reason.text for reason in verdict.reasons]
    told = everything if verdict.state == "unknown" else verdict.reasons_of("alarm", "odd map")
    return "; ".join([text, *told]) + "."
