"""What the paper found, as comparisons that another network and other images can be held to.

The claims are those of Ghorbani et al. 2019, figure "comparison of attacks" and its appendix;
a tolerance or range beside a claim was read off the digitised curves (`paper.CURVES`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from tf_fragile.experiments.frame.means import mean_of
from tf_fragile.metrics.statistics import Interval, bootstrap_mean
from tf_fragile.probes.fragility.names import RANDOM

OVERLAP, RANK, SHIFT = "top_k_intersection", "spearman", "center_shift"
TOP_K, CENTER = "top_k", "mass_center"
GRADIENT, DEEPLIFT, PATH = "gradient", "deeplift_rescale", "integrated_gradients"
TAYLOR = "deep_taylor"
TOLERANCE = 0.02


@dataclass(frozen=True)
class Ordering:
    """One claim, measured.

    Attributes:
      claim: what should hold.
      method: of which explainer; two, where two are compared.
      epsilon: at which radius.
      value: the compared quantity, positive or within the range where the claim holds.
      low: of its 95 % bootstrap interval; NaN where there is none.
      high: likewise.
      n: images behind it.
      paper: the published value of the same quantity, or NaN.
      holds: whether the claim holds for the means.
    """

    claim: str
    method: str
    epsilon: float
    value: float
    low: float
    high: float
    n: int
    paper: float
    holds: bool


def orderings(records: pd.DataFrame, paper: pd.DataFrame | None = None) -> pd.DataFrame:
    """Every claim that the records can speak to.

    Comparisons use the images that both sides have and whose attacks succeeded.

    Args:
      records: the columns of `runs.records`.
      paper: published values as from `paper.paper_curves`, if there are any.

    Returns:
      One row a claim, method and radius, with the fields of `Ordering`.
    """
    values = _values(records)
    published = _published(paper)
    methods = sorted({key[0] for key in values})
    levels = sorted({key[2] for key in values})
    found = [
        *(o for m in methods for e in levels for o in _against_random(values, published, m, e)),
        *(o for m in methods for e in levels for o in _between_attacks(values, published, m, e)),
        *_between_methods(values, published, levels),
        *_least_moved_by_noise(values, published, levels),
        *(o for m in methods for o in _along_radius(values, m, levels)),
        *(o for m in methods for o in _saturation(values, published, m)),
    ]
    fields = list(Ordering.__dataclass_fields__)
    return pd.DataFrame([asdict(o) for o in found], columns=fields)


Key = tuple[str, str, float, str]
Values = dict[Key, pd.Series]


def _values(records: pd.DataFrame) -> Values:
    kept = records[(records["attack"] != "") & (records["note"] == "")]
    groups = kept.groupby(["explainer", "attack", "epsilon", "metric"], sort=True)
    return {key: part.set_index("sample")["value"].sort_index() for key, part in groups}


def _published(paper: pd.DataFrame | None) -> dict[Key, float]:
    if paper is None:
        return {}
    keys = zip(paper["method"], paper["attack"], paper["epsilon"], paper["metric"], strict=True)
    return dict(zip(keys, paper["paper"], strict=True))


def _difference(values: Values, a: Key, b: Key) -> Interval:
    """Mean of `a - b` over the images of both."""
    if a not in values or b not in values:
        return Interval(np.nan, np.nan, np.nan, 0)
    return bootstrap_mean((values[a] - values[b]).dropna())


def _ordering(
    claim: str, method: str, epsilon: float, value: Interval, paper: float, holds: bool
) -> Iterator[Ordering]:
    if value.n:
        yield Ordering(
            claim, method, epsilon, value.mean, value.low, value.high, value.n, paper, bool(holds)
        )


def _against_random(
    values: Values, published: dict[Key, float], m: str, e: float
) -> Iterator[Ordering]:
    nothing = float("nan")
    for metric, name in ((OVERLAP, "overlap"), (RANK, "rank correlation")):
        random, top_k = (m, RANDOM, e, metric), (m, TOP_K, e, metric)
        gap = _difference(values, random, top_k)
        there = published.get(random, nothing) - published.get(top_k, nothing)
        # The smaller gaps of the other methods are asked for their sign only.
        half = metric == OVERLAP and not np.isnan(there) and m in (GRADIENT, DEEPLIFT)
        least = there / 2 if half else 0.0
        asked = "at least half of the paper's" if half else "above 0"
        yield from _ordering(
            f"gap in {name}, random sign minus top-k attack, {asked}",
            m, e, gap, there, gap.mean >= least if half else gap.mean > 0,
        )  # fmt: skip
    # Sizes that the paper states, for its own kind of images.
    if e == 8 and published and m in (GRADIENT, DEEPLIFT, PATH):
        key = (m, RANDOM, e, OVERLAP)
        overlap = mean_of(values.get(key, []), OVERLAP)
        yield from _ordering(
            "overlap under random sign below 0.30",
            m, e, overlap, published.get(key, nothing), overlap.mean < 0.30,
        )  # fmt: skip
    if e == 8 and published:
        key = (m, RANDOM, e, SHIFT)
        shift = mean_of(values.get(key, []), SHIFT)
        yield from _ordering(
            "centre shift under random sign below 6 px (of 227)",
            m, e, shift, published.get(key, nothing), shift.mean < 6,
        )  # fmt: skip


def _between_attacks(
    values: Values, published: dict[Key, float], m: str, e: float
) -> Iterator[Ordering]:
    nothing = float("nan")
    center, top_k = (m, CENTER, e, SHIFT), (m, TOP_K, e, SHIFT)
    if center in values and top_k in values:
        far, near = values[center].align(values[top_k], join="inner")
        ratio = far.mean() / near.mean()
        there = published.get(center, nothing) / published.get(top_k, nothing)
        interval = Interval(float(ratio), nothing, nothing, len(far))
        yield from _ordering(
            "centre shift, center attack over top-k attack, above 1",
            m, e, interval, there, ratio > 1,
        )  # fmt: skip
    center, top_k = (m, CENTER, e, OVERLAP), (m, TOP_K, e, OVERLAP)
    gap = _difference(values, center, top_k)
    there = published.get(center, nothing) - published.get(top_k, nothing)
    if m == PATH:
        claim, holds = "overlap, center minus top-k attack, within 0.04 of 0", abs(gap.mean) < 0.04
    else:
        claim, holds = "overlap, center minus top-k attack, not below 0", gap.mean >= 0
    yield from _ordering(claim, m, e, gap, there, holds)


def _between_methods(
    values: Values, published: dict[Key, float], levels: list[float]
) -> Iterator[Ordering]:
    present = _present(values, (GRADIENT, DEEPLIFT, PATH))
    for weaker, stronger in combinations(present, 2):
        for metric, name in ((OVERLAP, "overlap"), (RANK, "rank correlation")):
            for attack in (TOP_K, CENTER):
                for e in levels:
                    a, b = (stronger, attack, e, metric), (weaker, attack, e, metric)
                    gap = _difference(values, a, b)
                    there = published.get(a, float("nan")) - published.get(b, float("nan"))
                    yield from _ordering(
                        f"{name} under {attack}, {stronger} minus {weaker}, above 0",
                        f"{weaker}, {stronger}", e, gap, there, gap.mean > 0,
                    )  # fmt: skip


def _present(values: Values, methods: tuple[str, ...]) -> list[str]:
    return [m for m in methods if any(key[0] == m for key in values)]


def _least_moved_by_noise(
    values: Values, published: dict[Key, float], levels: list[float]
) -> Iterator[Ordering]:
    """Deep Taylor decomposition beside each other method under random signs."""
    for m in _present(values, (GRADIENT, DEEPLIFT, PATH)):
        for metric, name in ((OVERLAP, "overlap"), (RANK, "rank correlation")):
            for e in levels:
                a, b = (TAYLOR, RANDOM, e, metric), (m, RANDOM, e, metric)
                gap = _difference(values, a, b)
                there = published.get(a, float("nan")) - published.get(b, float("nan"))
                yield from _ordering(
                    f"{name} under {RANDOM}, {TAYLOR} minus {m}, above 0",
                    f"{m}, {TAYLOR}", e, gap, there, gap.mean > 0,
                )  # fmt: skip


def _saturation(values: Values, published: dict[Key, float], m: str) -> Iterator[Ordering]:
    """What the attacks still gain in overlap from 4 to 8 grey levels."""
    for attack in (TOP_K, CENTER):
        far, near = (m, attack, 8.0, OVERLAP), (m, attack, 4.0, OVERLAP)
        step = _difference(values, far, near)
        there = published.get(far, float("nan")) - published.get(near, float("nan"))
        yield from _ordering(
            f"overlap under {attack}, change from ε = 4 to 8, not below -{TOLERANCE:g}",
            m, 8.0, step, there, step.mean >= -TOLERANCE,
        )  # fmt: skip


def _along_radius(values: Values, m: str, levels: list[float]) -> Iterator[Ordering]:
    for metric, name in ((OVERLAP, "overlap"), (RANK, "rank correlation")):
        for attack in (RANDOM, TOP_K, CENTER):
            for small, large in pairwise(levels):
                step = _difference(values, (m, attack, large, metric), (m, attack, small, metric))
                yield from _ordering(
                    f"{name} under {attack}, change from the radius before, at most {TOLERANCE:g}",
                    m, large, step, float("nan"), step.mean <= TOLERANCE,
                )  # fmt: skip
