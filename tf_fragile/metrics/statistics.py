"""What may be said of a mean, a share or a difference over images, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tf_fragile.errors import InputError
from tf_fragile.metrics.bounded import Range, chance_of_mean, highest_mean, mirrored
from tf_fragile.metrics.resampling import bootstrap_t


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
      mean: the estimate.
      low: lower end; NaN where the values carry no interval.
      high: upper end, likewise.
      n: how many values the estimate rests on.
    """

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class PairedDifference:
    """A mean difference over pairs, and how surprising it would be if there were none.

    Attributes:
      difference: mean of first minus second, with its interval.
      p_value: two-sided, from random sign flips of the differences.
    """

    difference: Interval
    p_value: float


def bootstrap_mean(
    values: ArrayLike,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    within: Range | None = None,
) -> Interval:
    """The mean with an interval that holds its level for few images, see `mean_ends`.

    Args:
      values: `[N]`, one value an image. Values that are not finite are left out; `n` of the
        result counts the rest.
      confidence: coverage asked for, between 0 and 1.
      resamples: bootstrap resamples.
      seed: of the resampling; equal values in any order give equal intervals.
      within: smallest and largest value there can be; `None` where they are not known.

    Returns:
      The interval. Its ends are NaN where there is none: without `within`, values that are all
      equal or nearly so, or fewer than four, say nothing of their spread. Without any finite value
      the mean is NaN, too, and `n` is 0.

    Raises:
      InputError: if `confidence` is not strictly between 0 and 1, or a value not in `within`.
    """
    _check_confidence(confidence)
    finite = np.sort(_finite(values))
    if finite.size == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    low, high = mean_ends(finite[None], confidence, resamples, seed, within)
    return Interval(float(finite.mean()), float(low[0]), float(high[0]), int(finite.size))


def mean_ends(
    values: NDArray[np.float64],
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    within: Range | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the intervals of many means at once: `bootstrap_mean`, sample by sample.

    They are those of the bootstrap-t, which supposes that the images that were not drawn are like
    those that were. Where the range of the values is known, no end lies beyond the bound that
    supposes nothing (`bounded`); that is the end where the bootstrap carries none, as for equal
    values.
    `docs/results/statistics.md` has the coverage of both.

    Args:
      values: `[B, N]`, finite; N at least 1.
      confidence: coverage asked for, between 0 and 1.
      resamples: bootstrap resamples.
      seed: of the resampling.
      within: smallest and largest value there can be; `None` where they are not known.

    Returns:
      Lower and upper ends `[B]`; both NaN where there is no interval.

    Raises:
      InputError: if a value is not in `within`.
    """
    if within is None:
        low, high = bootstrap_t(values, confidence, resamples, seed)
        carried = np.isfinite(low) & np.isfinite(high)
        return np.where(carried, low, math.nan), np.where(carried, high, math.nan)
    values = _inside(values, within)
    low, high = bootstrap_t(values, confidence, resamples, seed)
    level = (1 - confidence) / 2
    turned = mirrored(values, within)
    lowest = mirrored(_bound_below(turned, mirrored(low, within), level, within), within)
    highest = _bound_below(values, high, level, within)
    return np.where(np.isnan(lowest), low, lowest), np.where(np.isnan(highest), high, highest)


def mean_is_below(values: ArrayLike, threshold: float, within: Range) -> float:
    """P value against "the mean is `threshold` or more": small where it is surely below.

    Supposes only that the images are drawn independently, see `bounded`.

    Args:
      values: `[N]`, one value an image; values that are not finite are left out. Without any, the
        answer is 1.
      threshold: in `within`.
      within: smallest and largest value there can be.

    Raises:
      InputError: if a value is not in `within`.
    """
    finite = _inside(_finite(values), within)
    return float(chance_of_mean(finite[None], np.array([threshold]), within)[0])


def mean_is_above(values: ArrayLike, threshold: float, within: Range) -> float:
    """P value against "the mean is `threshold` or less", see `mean_is_below`."""
    finite = _inside(_finite(values), within)
    return mean_is_below(mirrored(finite, within), within[0] + within[1] - threshold, within)


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """A share with its Wilson score interval (Wilson 1927).

    Args:
      successes: how many of the `n`.
      n: trials; with 0 the share is NaN and the interval is [0, 1].
      confidence: coverage asked for, between 0 and 1.

    Raises:
      InputError: if `successes` is not between 0 and `n`, or `confidence` not between 0 and 1.
    """
    _check_confidence(confidence)
    if not 0 <= successes <= n:
        raise InputError(f"{successes} successes of {n} trials: give a count from 0 to {n}.")
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, 0)
    limits = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Interval(successes / n, float(limits.low), float(limits.high), n)


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """The mean of `a - b` over the same images, with Student's interval and a sign-flip test.

    Args:
      a: `[N]`, one value an image.
      b: `[N]`, the same images in the same order. Pairs with a value that is not finite are
        left out.
      confidence: coverage asked for, between 0 and 1.
      resamples: random sign flips where there are more than 2^N.
      seed: of them.

    Returns:
      The difference and its p value; NaN without any pair. The ends are NaN, too, where all
      differences are equal, for they say nothing of their spread. With N pairs the p value cannot
      fall below 2 / 2^N.

    Raises:
      InputError: if the two have different lengths, or `confidence` is not between 0 and 1.
    """
    _check_confidence(confidence)
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(
            f"A paired difference needs one value an image on both sides, not shapes "
            f"{first.shape} and {second.shape}; match the images first."
        )
    differences = _finite(first - second)
    interval = _student(differences, confidence)
    if differences.size == 0:
        return PairedDifference(interval, math.nan)
    if differences.size == 1 or not differences.any():
        return PairedDifference(interval, 1.0)
    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=resamples,
        batch=max(1, 4_000_000 // differences.size),
        rng=np.random.default_rng(seed),
    )
    return PairedDifference(interval, float(test.pvalue))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """P values adjusted for a family of tests, step-down (Holm 1979).

    Args:
      p_values: `[M]` in [0, 1].

    Returns:
      `[M]` in the order given, each to be compared with the level of the whole family.

    Raises:
      InputError: if a value is not in [0, 1].
    """
    given = np.asarray(p_values, np.float64).ravel()
    if not np.all((given >= 0) & (given <= 1)):
        raise InputError(f"P values lie in [0, 1], not {given.tolist()}.")
    order = np.argsort(given, kind="stable")
    steps = np.maximum.accumulate(given[order] * np.arange(given.size, 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def tail(successes: int, n: int, share: float, side: Literal["greater", "less"]) -> float:
    """How probable as many successes or more (`"greater"`), or fewer (`"less"`), are by chance.

    Args:
      successes: how many of the `n`.
      n: trials; with 0 the answer is 1.
      share: the probability of each, by hypothesis.
      side: which tail of the binomial distribution; `successes` itself is in both.
    """
    if n == 0:
        return 1.0
    return float(stats.binomtest(successes, n, share, alternative=side).pvalue)


def sign_test(wins: int, losses: int) -> float:
    """How probable as many wins or more are if neither side is better: exact, one-sided.

    Ties are left out, as in McNemar's exact test of two classifiers on the same images.
    """
    return tail(wins, wins + losses, 0.5, "greater")


def _student(values: NDArray[np.float64], confidence: float) -> Interval:
    """The mean with Student's t interval, whose ends are NaN where the values have no spread."""
    if not values.size:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(values.mean())
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        return Interval(mean, math.nan, math.nan, values.size)
    half = float(stats.t.ppf((1 + confidence) / 2, values.size - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half, values.size)


def _bound_below(
    values: NDArray[np.float64], high: NDArray[np.float64], level: float, within: Range
) -> NDArray[np.float64]:
    """The bound that supposes nothing, `[B]`, where it is lower than an upper end; else NaN."""
    found = np.full(len(values), math.nan)
    lower = chance_of_mean(values, np.minimum(high, within[1]), within) < level
    lower |= high > within[1]  # as a bound never is
    if lower.any():
        found[lower] = highest_mean(values[lower], level, within)
    return found


def _inside(values: NDArray[np.float64], within: Range) -> NDArray[np.float64]:
    """The values, checked to be in `within`, where rounding left it put back."""
    inside = np.clip(values, *within)
    slack = 1e-6 * (within[1] - within[0])
    beyond = np.abs(inside - values) > slack
    if beyond.any():
        raise InputError(
            f"A value of {values[beyond][0]:g} is not between {within[0]:g} and {within[1]:g}."
        )
    return inside


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64).ravel()
    return array[np.isfinite(array)]


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise InputError(f"A confidence of {confidence} is not strictly between 0 and 1.")
