"""What may be said of a mean, a share or a difference over images, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tf_fragile.errors import InputError


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
      mean: the estimate.
      low: lower end.
      high: upper end.
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
    values: ArrayLike, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """The mean with a bias-corrected accelerated bootstrap interval (Efron 1987).

    Args:
      values: `[N]`, one value an image. Values that are not finite are left out; `n` of the
        result counts the rest.
      confidence: coverage asked for, between 0 and 1.
      resamples: bootstrap resamples.
      seed: of the resampling; equal inputs give equal intervals.

    Returns:
      The interval. A single value, or values that are all equal, carry no information about
      their spread: the interval is then the point itself, to be read together with `n`.
      Without any finite value everything is NaN and `n` is 0.

    Raises:
      InputError: if `confidence` is not strictly between 0 and 1.
    """
    _check_confidence(confidence)
    finite = _finite(values)
    if finite.size == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(finite.mean())
    if np.ptp(finite) <= 1e-12 * np.abs(finite).max():
        return Interval(mean, mean, mean, int(finite.size))
    result = stats.bootstrap(
        (finite,),
        np.mean,
        confidence_level=confidence,
        n_resamples=resamples,
        batch=max(1, 4_000_000 // finite.size),
        rng=np.random.default_rng(seed),
    )
    low, high = result.confidence_interval
    return Interval(mean, float(low), float(high), int(finite.size))


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
    """The mean of `a - b` over the same images, with interval and sign-flip test.

    Args:
      a: `[N]`, one value an image.
      b: `[N]`, the same images in the same order. Pairs with a value that is not finite are
        left out.
      confidence: coverage asked for, between 0 and 1.
      resamples: bootstrap resamples, and random sign flips where there are more than 2^N.
      seed: of both.

    Returns:
      The difference and its p value; NaN without any pair. With N pairs the p value cannot
      fall below 2 / 2^N.

    Raises:
      InputError: if the two have different lengths, or `confidence` is not between 0 and 1.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(
            f"A paired difference needs one value an image on both sides, not shapes "
            f"{first.shape} and {second.shape}; match the images first."
        )
    differences = _finite(first - second)
    interval = bootstrap_mean(differences, confidence, resamples, seed)
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


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64).ravel()
    return array[np.isfinite(array)]


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise InputError(f"A confidence of {confidence} is not strictly between 0 and 1.")
