"""A verdict as data: words, states and reasons; sentences are made from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

State = Literal["good", "bad", "unknown"]
"""What a word comes to: the explanation holds, it does not, or nothing may be concluded."""

INCONCLUSIVE = "INCONCLUSIVE"
"""The word for `unknown`, whatever the probe."""


@dataclass(frozen=True)
class Reason:
    """Why something can't be concluded.

    Attributes:
      kind: what is in doubt, in a word or two; each probe has its own.
      text: one clause.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What is said of one explainer by one probe.

    Attributes:
      probe: its name.
      explainer: its name in the records.
      question: what was asked, as the name of an attack.
      word: the probe's own for the state.
      state: what the word comes to.
      value: the number that it rests on; NaN where there is none.
      low: of its 95 % interval; NaN where there is none.
      high: likewise.
      n: images behind it.
      threshold: what the number is compared with.
      reasons: all that was in doubt, whether a sentence says it or not.
      facts: what else a sentence about it needs.
    """

    probe: str
    explainer: str
    question: str
    word: str
    state: State
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    threshold: float = math.nan
    reasons: tuple[Reason, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def reasons_of(self, *kinds: str) -> list[str]:
        """The clauses of reasons of some kinds, in order."""
        return [reason.text for reason in self.reasons if reason.kind in kinds]


def withheld(verdict: Verdict, reasons: Sequence[Reason]) -> Verdict:
    """The verdict, unknown for these reasons; as it is where there are none.

    A reason of a kind that the verdict has already is not told twice.
    """
    if not reasons:
        return verdict
    known = {reason.kind for reason in verdict.reasons}
    more = tuple(reason for reason in reasons if reason.kind not in known)
    return replace(verdict, word=INCONCLUSIVE, state="unknown", reasons=(*more, *verdict.reasons))
