"""Has the budget stopped paying? Attacks against the same with twice the steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from tf_fragile.metrics.statistics import Interval, paired_difference
from tf_fragile.probes.fragility.names import DOUBLED
from tf_fragile.probes.fragility.summary import successes

TOLERANCE = 0.05
FEWEST = 4


@dataclass(frozen=True)
class Plateau:
    """What twice the steps added.

    Attributes:
      gain: the mean paired decrease of the top-k overlap, with its interval.
    """

    gain: Interval

    @property
    def reached(self) -> bool:
        """Whether more steps are shown to add next to nothing, on images enough to say so."""
        # Where every image gained the same, as where no search went any further, there is no
        # spread to reckon with and no interval.
        most = self.gain.mean if self.is_even else self.gain.high
        return self.gain.n >= FEWEST and most <= TOLERANCE

    @property
    def is_even(self) -> bool:
        """Whether all images gained the same."""
        return self.gain.n > 1 and math.isnan(self.gain.high)

    @property
    def text(self) -> str:
        """One clause."""
        if not self.gain.n:
            return "twice the steps were not tried"
        if self.gain.n == 1 or self.is_even:
            images = "1 image" if self.gain.n == 1 else f"each of {self.gain.n} images"
            return f"twice the steps lower the overlap by {self.gain.mean:.2f} on {images}"
        return (
            f"twice the steps lower the overlap by {self.gain.mean:.2f} "
            f"[{self.gain.low:.2f}, {self.gain.high:.2f}] on {self.gain.n} images"
        )


def plateaus(records: pd.DataFrame) -> Mapping[tuple[str, str], Plateau]:
    """By explainer and attack, over the images that were attacked both ways.

    Args:
      records: the probe's.
    """
    kept = successes(records)
    key = ["sample", "explainer", "attack", "epsilon", "variant"]
    overlap = records[records["metric"] == "top_k_intersection"].merge(
        kept[kept["success"]][key], on=key
    )
    found = {}
    longer, plain = (overlap[overlap["variant"] == variant] for variant in (DOUBLED, ""))
    for (explainer, attack), again in longer.groupby(["explainer", "attack"], sort=False):
        own = plain[(plain["explainer"] == explainer) & (plain["attack"] == attack)]
        pairs = own.merge(again, on=["sample", "epsilon"], suffixes=("", "_longer"))
        pairs = pairs.sort_values("sample", kind="stable")
        apart = paired_difference(pairs["value"], pairs["value_longer"]).difference
        found[str(explainer), str(attack)] = Plateau(apart)
    return found
