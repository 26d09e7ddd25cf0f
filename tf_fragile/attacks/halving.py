"""The smallest radius at which an attack takes half of the top-k overlap, by bisection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.search import Progress
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError, shown
from tf_fragile.settings import LARGE, SMALL, check, setting

Evaluate = Callable[[np.ndarray], np.ndarray]
"""From a radius per image, [B] in input units, to the overlap left, [B]; NaN for a failure."""

_ROUNDING = 1e-6  # overlaps come in float32; a count of k is coarser than this


@dataclass(frozen=True)
class Span:
    """Between which radii is searched, for what, and how finely.

    Attributes:
      low: smallest radius to try, in input units.
      high: largest radius to try.
      level: overlap to reach, clean maps having 1.
      tolerance: relative width at which a bracket is narrow enough.
    """

    low: float = setting(low=SMALL, high=LARGE, unit="in input units")
    high: float = setting(low=SMALL, high=LARGE, unit="in input units")
    level: float = setting(0.5, low=1e-6, below=1)
    tolerance: float = setting(0.1, low=1e-6, high=1e6)

    def __post_init__(self) -> None:
        check(self, "{} of the search")
        if not self.low < self.high:
            raise InputError(
                f"The smallest radius is searched between low={self.low:g} and "
                f"high={self.high:g}; give low < high, in input units."
            )

    @property
    def bisections(self) -> int:
        """How often to halve log(high / low) until it is at most log(1 + tolerance)."""
        halvings = math.log2(math.log(self.high / self.low) / math.log1p(self.tolerance))
        return max(0, math.ceil(halvings - 1e-9))


@dataclass(frozen=True, eq=False)
class Halving:
    """What the bisection found. B images, T attacks on each.

    An attack proves fragility, never robustness: `epsilon` bounds the smallest harmful radius from
    above, and nothing bounds it from below. Where damage is not monotone in the radius (a weak
    attack, a label lost at the larger one) it is the smallest radius tried that reached the level.

    Attributes:
      epsilon: float64 [B] in input units; infinity where no radius tried reached the level.
      reached: bool [B], whether `epsilon` is finite.
      at_low: bool [B], reached at the smallest radius allowed: less may be enough.
      radii: float64 [T, B], the radii tried, in order: `high`, `low`, then the bisection.
      overlap: float64 [T, B], the overlap left at each; NaN where the attack failed.
    """

    epsilon: np.ndarray
    reached: np.ndarray
    at_low: np.ndarray
    radii: np.ndarray
    overlap: np.ndarray

    @property
    def evaluations(self) -> int:
        """Attacks run on each image: the cost, times what one attack costs."""
        return len(self.radii)


def smallest_epsilon(
    attack: Callable[..., AttackResult],
    explainer: Any,
    x: Any,
    target: Any = None,
    *,
    low: float,
    high: float,
    bounds: tuple[float, float] | InputRange,
    level: float = 0.5,
    tolerance: float = 0.1,
    seed: Any = 0,
    progress: Progress | None = None,
) -> Halving:
    """The smallest radius at which `attack` leaves at most `level` of the top-k overlap.

    All images are attacked at once, each at a radius of its own, so the cost is that of
    `evaluations` attacks on the batch whatever the images.

    Args:
      attack: an `Attack`; its k is that of the overlap.
      explainer: whose maps are attacked.
      x: clean inputs [B, ...] in model units.
      target: the class explained, as for an explainer.
      low: smallest radius of interest, in input units.
      high: largest radius of interest, in input units.
      bounds: the valid range, as for the attack.
      level: overlap to reach, in (0, 1); clean maps have 1.
      tolerance: relative, where to stop: the result is at most this share above the largest
        radius below it that was tried in vain.
      seed: int or [B] ints, the same for every radius.
      progress: as for the attack.

    Raises:
      InputError: a range, level or tolerance that makes no sense, and whatever the attack raises.
    """
    if not callable(attack):
        raise InputError(f"The attack is {shown(attack)}; give one, as tff.attack makes them.")
    span = Span(low, high, level, tolerance)

    def evaluate(radii: np.ndarray) -> np.ndarray:
        result = attack(
            explainer,
            x,
            target,
            epsilon=radii[np.newaxis],
            bounds=bounds,
            seed=seed,
            progress=progress,
        )
        overlap: np.ndarray = result.metrics["top_k_intersection"][0]
        return overlap

    return bisect(evaluate, _images(x), **asdict(span))


def evaluations(low: float, high: float, tolerance: float = 0.1) -> int:
    """Attacks on each image that a search takes at most."""
    return 2 + Span(low, high, tolerance=tolerance).bisections


def bisect(
    evaluate: Evaluate,
    count: int,
    *,
    low: float,
    high: float,
    level: float = 0.5,
    tolerance: float = 0.1,
) -> Halving:
    """Bisects the logarithm of the radius of each image, all images in step.

    The upper end of a bracket is the smallest radius that reached the level, or `high` as long as
    none did; the lower end is the last one below it that did not. An image that `high` does not
    reach is searched below it all the same, since others of the batch are.

    Args:
      evaluate: the overlap left at a radius per image.
      count: images B.
      low: smallest radius to try, in input units.
      high: largest radius to try.
      level: overlap to reach.
      tolerance: relative width at which a bracket is narrow enough.

    Raises:
      InputError: not 0 < low < high, not 0 < level < 1, or not tolerance > 0.
    """
    span = Span(low, high, level, tolerance)
    radii: list[np.ndarray] = []
    overlap: list[np.ndarray] = []

    def reaches(radius: np.ndarray) -> np.ndarray:
        radii.append(radius)
        overlap.append(np.asarray(evaluate(radius), np.float64))
        return overlap[-1] <= level + _ROUNDING  # False for NaN

    lower, upper = np.full(count, low, np.float64), np.full(count, high, np.float64)
    reached = reaches(upper)
    at_low = reaches(lower)
    reached = reached | at_low
    upper = np.where(at_low, lower, upper)
    for _ in range(span.bisections):
        if at_low.all():
            break
        middle = np.sqrt(lower * upper)
        hit = reaches(middle)
        reached = reached | hit
        lower, upper = np.where(hit, lower, middle), np.where(hit, middle, upper)
    return Halving(
        epsilon=np.where(reached, upper, np.inf),
        reached=reached,
        at_low=at_low,
        radii=np.stack(radii),
        overlap=np.stack(overlap),
    )


def _images(x: Any) -> int:
    """How many images are in a batch, which may be the one value of a dict."""
    batch: Any = next(iter(x.values()), None) if isinstance(x, Mapping) else x
    try:
        return len(batch)
    except TypeError:
        raise InputError(f"The batch is {shown(x)}; give inputs [B, ...].") from None
