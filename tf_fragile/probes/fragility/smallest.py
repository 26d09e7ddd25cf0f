"""At which radius half of the top-k overlap is gone, over the images of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tf_fragile.probes.fragility.names import SMALLEST


@dataclass(frozen=True)
class Halvings:
    """The smallest radius that was found to halve the overlap, over images.

    Attributes:
      quartiles: the lower, the median and the upper one, in input units; infinite where so many
        images were not halved at any radius.
      reached: images that were.
      n: images searched.
    """

    quartiles: tuple[float, float, float]
    reached: int
    n: int

    @property
    def text(self) -> str:
        """One clause."""
        if not self.reached:
            return f"half the top-k overlap is not gone at any epsilon tried ({self.n} images)"
        low, median, high = ("not reached" if np.isinf(q) else f"{q:.3g}" for q in self.quartiles)
        return (
            f"half the top-k overlap is gone at a median epsilon of {median} (quartiles {low}, "
            f"{high}; {self.reached} of {self.n} images)"
        )


def halvings(records: pd.DataFrame) -> Mapping[str, Halvings]:
    """By explainer and attack, `"EXPLAINER under ATTACK"`.

    Args:
      records: the probe's.
    """
    searched = records[records["metric"] == SMALLEST]
    found = {}
    for (explainer, attack), own in searched.groupby(["explainer", "attack"], sort=False):
        radii = own["value"].to_numpy()
        # A quartile between a finite and an infinite radius would be NaN by interpolation.
        low, median, high = np.quantile(radii, [0.25, 0.5, 0.75], method="inverted_cdf")
        found[f"{explainer} under {attack}"] = Halvings(
            (float(low), float(median), float(high)), int(np.isfinite(radii).sum()), len(radii)
        )
    return found
