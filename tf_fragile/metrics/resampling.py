"""The studentised bootstrap of a mean, for many samples of one size at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_AT_ONCE = 4_000_000  # numbers in memory
_NO_SPREAD = 1e-12  # of a resample's variance, relative to the sample's: rounding


def bootstrap_t(
    values: Floats, confidence: float, resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """Ends of the bootstrap-t interval of each mean (Efron 1981; Hall 1988).

    The distance of a resample's mean from the sample's is measured in the resample's own standard
    error, so that the interval is about right to second order, for small and skewed samples, too.
    A resample of equal values has no standard error and is counted as infinitely far: where so many
    are that an end of the interval is among them, the sample is too small or too equal to carry
    that end, and it is infinite.

    Args:
      values: `[B, N]`, B samples of N values; N at least 1.
      confidence: coverage asked for, between 0 and 1.
      resamples: of each sample; the same positions, counted by size, are drawn of each.
      seed: of them.

    Returns:
      Lower and upper ends `[B]`, maybe infinite. They do not depend on the order of the values.
    """
    size = values.shape[1]
    means = values.mean(axis=1)
    centred = np.sort(values, axis=1) - means[:, None]
    spread = np.sqrt((centred**2).mean(axis=1))
    told = spread > 1e-12 * np.abs(values).max(axis=1, initial=0.0)
    centred = np.divide(centred, spread[:, None], out=np.zeros_like(centred), where=told[:, None])
    ends = np.empty((len(values), 2))
    share = (1 - confidence) / 2
    wanted = np.array([(resamples + 1) * share, (resamples + 1) * (1 - share)])
    first, last = np.clip(np.round(wanted).astype(int) - 1, 0, resamples - 1)
    rows = max(1, _AT_ONCE // resamples)
    for begin in range(0, len(values), rows):
        part = slice(begin, begin + rows)
        ratios = _ratios(centred[part], resamples, seed)
        ordered = np.partition(ratios, (first, last), axis=1)
        ends[part] = ordered[:, [last, first]]
    error = spread / np.sqrt(size)
    low, high = (np.where(told, means - end * error, np.nan) for end in ends.T)
    return np.where(told, low, -np.inf), np.where(told, high, np.inf)


def _ratios(centred: Floats, resamples: int, seed: int) -> Floats:
    """Mean over standard error of every resample, `[B, resamples]`, of samples `[B, N]`."""
    size = centred.shape[1]
    found = []
    for shares in _resamples(size, resamples, seed):
        mean = centred @ shares
        variance = (centred**2) @ shares - mean**2
        ratio = np.where(np.abs(mean) > 1e-9, np.copysign(np.inf, mean), 0.0)
        told = variance > _NO_SPREAD
        np.divide(mean, np.sqrt(np.maximum(variance, 0) / size), out=ratio, where=told)
        found.append(ratio)
    return np.concatenate(found, axis=1)


def _resamples(size: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How much of each resample every position is, in blocks `[N, R]`."""
    rng = np.random.default_rng(seed)
    block = max(1, _AT_ONCE // size)
    for begin in range(0, resamples, block):
        drawn = rng.multinomial(size, np.full(size, 1 / size), min(block, resamples - begin))
        yield drawn.T / size
