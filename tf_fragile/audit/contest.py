"""Is another feeding better on the same images? Tried on few, and if promising on more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tf_fragile.audit.alternatives import Alternative
from tf_fragile.metrics.statistics import Interval, sign_test, wilson
from tf_fragile.probes.sampling import Seen, joined

FEW, SOME, MANY = 16, 64, 256
"""Images on which every alternative is tried, the promising ones, and those that lead."""

LEVEL = 0.05
"""Probability of one false alarm or more, over all alternatives and both looks."""

# An alternative is given up that is so many images behind on the first few: behind the feeding in
# use, and behind the best.
_BEHIND, _BEHIND_THE_BEST = 3, 5

Grow = Callable[[Seen, int], Seen]


@dataclass(frozen=True, eq=False)
class Trial:
    """One alternative against the feeding in use.

    Attributes:
      alternative: which.
      seen: what the model said of the first of the images.
      wins: images that only the alternative gets right.
      losses: images that it alone gets wrong.
    """

    alternative: Alternative
    seen: Seen
    wins: int
    losses: int

    @property
    def lead(self) -> int:
        """How many more images it gets right."""
        return self.wins - self.losses

    @property
    def accuracy(self) -> Interval:
        """Over the labelled images among those it was tried on."""
        return accuracy(self.seen)


@dataclass(frozen=True, eq=False)
class Contest:
    """All alternatives against the feeding in use.

    Attributes:
      own: what was seen with the feeding in use, on as many images as any alternative was tried on.
      trials: in the order of the alternatives.
      better: those that are significantly better, the best first.
    """

    own: Seen
    trials: tuple[Trial, ...]
    better: tuple[Trial, ...]


def accuracy(seen: Seen) -> Interval:
    """The share of labelled images that are right, with its Wilson interval."""
    return wilson(int(seen.right.sum()), int(seen.labelled.sum()))


def contest(own: Seen, alternatives: Sequence[Alternative], grow: Grow) -> Contest:
    """Tries every alternative on a few images, and the promising ones on more.

    An alternative is better if the images that only it gets right are too many beside those that
    it alone gets wrong: the exact sign test, corrected for the number of alternatives (Bonferroni)
    and for the two looks.

    Args:
      own: what was seen with the feeding in use.
      alternatives: what else to try.
      grow: looks at more images: given `own` and a number, an `own` of so many, or of all.
    """
    first = own.part(0, FEW)
    trials = [_trial(other, first, other.see(first)) for other in alternatives]
    better: list[Trial] = []
    for images in (SOME, MANY):
        fewest = 1 - _BEHIND if images == SOME else 1
        best = max((trial.lead for trial in trials), default=0)
        fewest = max(fewest, best - _BEHIND_THE_BEST + 1)
        promising = [trial for trial in trials if trial.lead >= fewest]
        if not promising or better or not own.labelled.any():
            break
        own = grow(own, images)
        trials = [_longer(t, own, images) if t in promising else t for t in trials]
        better = [trial for trial in trials if _is_better(trial, len(trials))]
    return Contest(own, tuple(trials), tuple(sorted(better, key=lambda trial: -trial.lead)))


def _is_better(trial: Trial, tried: int) -> bool:
    return sign_test(trial.wins, trial.losses) * tried * 2 <= LEVEL


def _longer(trial: Trial, own: Seen, images: int) -> Trial:
    """The same on more images: only the new ones are looked at."""
    new = own.part(len(trial.seen), images)
    if not len(new):
        return trial
    seen = joined([trial.seen, trial.alternative.see(new)])
    return _trial(trial.alternative, own.part(0, len(seen)), seen)


def _trial(alternative: Alternative, own: Seen, seen: Seen) -> Trial:
    wins, losses = (seen.right & ~own.right).sum(), (own.right & ~seen.right).sum()
    return Trial(alternative, seen, int(wins), int(losses))
