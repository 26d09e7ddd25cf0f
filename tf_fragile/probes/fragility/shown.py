"""Which of the attacked images are shown: the worst, the median and the best, of every class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from tf_fragile.probes.fragility.summary import successes, without_extras

OVERLAP = "top_k_intersection"


@dataclass(frozen=True)
class Ranked:
    """An attacked image in the order of what the attack did to its map.

    Attributes:
      sample: its position in the data.
      group: its class; as predicted where the true one is not known.
      overlap: of its maps at the largest radius, NaN where the attack failed or nothing is defined.
    """

    sample: int
    group: int
    overlap: float


@dataclass(frozen=True)
class Place:
    """Where a shown image stands among all that were attacked.

    Attributes:
      sample: its position in the data.
      rank: from 1, the worst.
      of: how many have a rank.
      overlap: by which it was ranked, NaN where there is none.
      role: why it is shown, a word or two.
    """

    sample: int
    rank: int
    of: int
    overlap: float
    role: str

    @property
    def text(self) -> str:
        """One clause."""
        if math.isnan(self.overlap):
            return "no rank: the attack failed at the largest epsilon"
        rank = f"rank {self.rank} of {self.of} by overlap"
        return f"{self.role}, {rank}" if self.role else rank


@dataclass(frozen=True)
class Shown:
    """The gallery of a report.

    Attributes:
      places: of the images, from the worst on.
      text: one sentence on who they are.
    """

    places: tuple[Place, ...] = ()
    text: str = ""


def choose_shown(records: pd.DataFrame, count: int, explainer: str, attack: str) -> Shown:
    """Chooses images out of all that were attacked, by their overlap at the largest radius.

    First the worst, the best and the median; then the worst of each class that is not there yet;
    then the next of the worst, of the best and next to the median, in turn. Where several stand
    equally, one of a class that is not there yet comes first.

    Args:
      records: the probe's.
      count: how many at most.
      explainer: under which they are ranked.
      attack: likewise.
    """
    everyone = ranking(records, explainer, attack)
    chosen = _pick([r for r in everyone if not math.isnan(r.overlap)], count)
    for left in everyone:  # an attack that failed says less, but is a part of the whole
        if len(chosen) < count:
            chosen.setdefault(left.sample, "")
    ranked = sum(not math.isnan(r.overlap) for r in everyone)
    places = tuple(
        Place(r.sample, rank, ranked, r.overlap, chosen[r.sample])
        for rank, r in enumerate(everyone, 1)
        if r.sample in chosen
    )
    return Shown(places, _sentence(everyone, chosen, explainer, attack) if places else "")


def ranking(records: pd.DataFrame, explainer: str, attack: str) -> list[Ranked]:
    """All attacked images, the least overlap first, those without one last.

    Args:
      records: the probe's.
      explainer: under which they are ranked.
      attack: likewise.
    """
    proper = without_extras(records)
    own = proper[(proper["explainer"] == explainer) & (proper["attack"] == attack)]
    own = own[own["epsilon"] == own.groupby("sample")["epsilon"].transform("max")]
    kept = successes(own).set_index("sample")["success"]
    values = own[own["metric"] == OVERLAP].set_index("sample")["value"].where(kept)
    first = own.drop_duplicates("sample").set_index("sample")
    groups = first["label"].where(first["label"] >= 0, first["predicted"])
    found = [
        Ranked(int(sample), int(groups[sample]), float(values.get(sample, math.nan)))
        for sample in first.index
    ]
    return sorted(found, key=lambda r: (math.isnan(r.overlap), r.overlap, r.sample))


def _pick(order: Sequence[Ranked], count: int) -> dict[int, str]:
    """Samples and their roles, at most `count`."""
    chosen: dict[int, str] = {}
    groups: set[int] = set()

    def take(candidates: Sequence[Ranked], role: str) -> None:
        left = [c for c in candidates if c.sample not in chosen]
        if not left or len(chosen) == count:
            return
        taken = next((c for c in left if c.group not in groups), left[0])
        chosen[taken.sample] = role
        groups.add(taken.group)

    if order:
        take([r for r in order if r.overlap == order[0].overlap], "worst")
        take([r for r in reversed(order) if r.overlap == order[-1].overlap], "best")
        take(_middle(order), "median")
    for one in order:
        if one.group not in groups:
            take([one], "worst of its class")
    turn = 0
    while len(chosen) < min(count, len(order)):
        lists = (order, list(reversed(order)), _from_the_middle(order))
        take([next(r for r in lists[turn % 3] if r.sample not in chosen)], "")
        turn += 1
    return chosen


def _middle(order: Sequence[Ranked]) -> list[Ranked]:
    """Whoever stands at the median: one, or two, or all that have its overlap."""
    between = {order[(len(order) - 1) // 2].overlap, order[len(order) // 2].overlap}
    return [r for r in order if r.overlap in between]


def _from_the_middle(order: Sequence[Ranked]) -> list[Ranked]:
    centre = (len(order) - 1) / 2
    places = sorted(range(len(order)), key=lambda place: (abs(place - centre), place))
    return [order[place] for place in places]


def _sentence(
    everyone: Sequence[Ranked], chosen: dict[int, str], explainer: str, attack: str
) -> str:
    classes = {r.group for r in everyone}
    seen = {r.group for r in everyone if r.sample in chosen}
    kept = f"{len(seen)} of {len(classes)}" if seen < classes else f"all {len(classes)}"
    where = "from one class" if len(classes) == 1 else f"from {kept} classes"
    order = (
        f"{where}, from the worst to the best top-k overlap of {explainer} under {attack} at the "
        "largest ε"
    )
    if len(chosen) == len(everyone):
        number = (
            f"All {len(everyone)} attacked images"
            if len(everyone) > 1
            else "The one attacked image"
        )
        return f"{number}, {order}."
    roles = ("the worst", "the worst and the best", "the worst, the best and the median")
    role = roles[min(len(chosen), len(roles)) - 1]
    more = "; then the worst of each class not among them, then the next on each side"
    more = more if len(chosen) > len(roles) else ""
    return f"{len(chosen)} of the {len(everyone)} attacked images, {order}: {role}{more}."
