"""The tests behind the words of one audit, corrected together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tf_fragile.metrics.statistics import holm, mean_is_above, mean_is_below
from tf_fragile.metrics.top_k import LIMITS

FRAGILE_BELOW = 0.5
LEVEL = 0.025
"""What one end of a 95 % interval leaves: no word then contradicts the interval beside it."""

_TIMES = (2, 4, 8)  # as many images; what is said of more would be a guess
_HOPELESS = 0.25  # a P value too high for 8 times as many images, or 2.8 times its z, to help


@dataclass(frozen=True)
class Evidence:
    """What the overlaps of one explainer under one attack say, as one of a family.

    Attributes:
      images: how many overlaps there are.
      family: how many such tests the audit makes.
      below: P value against a mean overlap of a half or more, Holm-corrected over the family.
      above: P value against one of a half or less, likewise.
      wanted: images that would decide if the others were like these; `None` where eight times as
        many would not.
    """

    images: int
    family: int
    below: float
    above: float
    wanted: int | None = None

    @property
    def is_fragile(self) -> bool:
        """Whether the mean overlap is surely below a half."""
        return self.below <= LEVEL

    @property
    def is_robust(self) -> bool:
        """Whether it is surely above."""
        return self.above <= LEVEL

    def doubt(self, failed: int = 0, there: int | None = None) -> str:
        """Why the mean is not known to be on either side, one clause; empty where it is.

        Args:
          failed: images that were attacked besides, without success; as many are reckoned with.
          there: images that could be attacked at most; `None` for any number.
        """
        if self.is_fragile or self.is_robust:
            return ""
        if too_few(self.images, self.family):
            return too_few(self.images, self.family, failed, there)
        side = "below" if self.below < self.above else "above"
        clause = f"the mean is not surely {side} {FRAGILE_BELOW:g} (P = "
        clause += f"{min(self.below, self.above):.2g}"
        clause += ")" if self.family == 1 else f", corrected for {self.family} verdicts)"
        if self.wanted is not None:
            wanted = self.wanted + failed
            clause += f"; more images like these would tell: {_asked(wanted, there)}"
        return clause


def evidence(samples: Sequence[NDArray[np.float64]]) -> list[Evidence]:
    """Tests every sample of overlaps on both sides, each side corrected for the number of samples.

    Args:
      samples: overlaps `[N]` of each explainer and attack of the audit, one an image; all that were
        asked for, also those without any, or the correction is not for what was looked at.

    Returns:
      One an entry of `samples`.
    """
    if not samples:
        return []
    family = len(samples)
    below = holm([mean_is_below(sample, FRAGILE_BELOW, LIMITS) for sample in samples])
    above = holm([mean_is_above(sample, FRAGILE_BELOW, LIMITS) for sample in samples])
    return [
        Evidence(
            images=int(np.isfinite(sample).sum()),
            family=family,
            below=float(low),
            above=float(high),
            wanted=None if min(low, high) <= LEVEL else _wanted(sample, family),
        )
        for sample, low, high in zip(samples, below, above, strict=True)
    ]


def fewest(family: int) -> int:
    """Images below which no overlaps decide anything, be they all 0 or all 1.

    The P value of n overlaps of 0 against a mean of 1/2 is 1/2 to the n; the first of Holm's steps
    multiplies it by the size of the family.
    """
    share = max(FRAGILE_BELOW, 1 - FRAGILE_BELOW)
    return math.ceil(math.log(family / LEVEL) / -math.log(share))


def too_few(images: int, family: int, failed: int = 0, there: int | None = None) -> str:
    """That no word can come of so few images, one clause; empty where one can.

    Args:
      images: that are attacked with success.
      family: verdicts of the audit.
      failed: images that are attacked besides; as many are reckoned with.
      there: images that could be attacked at most; `None` for any number.
    """
    least = fewest(family)
    if images >= least:
        return ""
    many = "1 image" if images == 1 else f"{images} images"
    one = "a verdict" if family == 1 else f"one of {family} verdicts"
    asked = _asked(least + failed, there, " or more")
    return f"{many} can't carry {one}, whatever they show: {asked}"


def _asked(images: int, there: int | None, more: str = "") -> str:
    """The flag that asks for so many images, or that there are not so many."""
    if there is None or images <= there:
        return f"--num_images={images}{more}"
    return f"it takes {images}{more}, and no more than {there} can be attacked; give more data"


def in_words(family: int) -> str:
    """What is corrected and what is not, for people; a sentence or two."""
    corrected = (
        ""
        if family == 1
        else f", corrected for {family} verdicts at once (Holm), so that the "
        "chance of any false one of its kind is no larger"
    )
    return (
        f"FRAGILE and PASS take a one-sided test of the mean overlap at {100 * LEVEL:g} %"
        f"{corrected}. Intervals are of each row alone, at 95 %, not corrected."
    )


def _wanted(sample: NDArray[np.float64], family: int) -> int | None:
    """How many images like these decide: a few times as many."""
    finite = sample[np.isfinite(sample)]
    if finite.size < fewest(family):
        return None
    test = mean_is_below if finite.mean() < FRAGILE_BELOW else mean_is_above
    if test(finite, FRAGILE_BELOW, LIMITS) > _HOPELESS:
        return None
    for times in _TIMES:
        if family * test(np.tile(finite, times), FRAGILE_BELOW, LIMITS) <= LEVEL:
            return int(times * finite.size)
    return None
