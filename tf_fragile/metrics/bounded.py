"""What values between two known numbers say of their mean, at any number of values.

A sample never shows what it has not drawn: eight overlaps of 0.1 are no surprise where every tenth
image has an overlap of 1. For values whose range is known that can be reckoned with. The sorted
values and the end of the range are weighted by a random cut of the unit interval; how often the
weighted mean reaches a number is the P value of a true mean that large. On zeros and ones this is
the Clopper-Pearson test, on equal values the rule of three in its exact form, `share ** n`.

Sources: Gaffke 2005, Three test statistics for a nonparametric one-sided hypothesis on the mean of
a nonnegative variable; Learned-Miller and Thomas 2020, A new confidence interval for the mean of a
bounded random variable (the same as a bound). Proven in special cases; no counterexample is known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]
Floats = NDArray[np.float64]

_HALVINGS = 30  # of the range, until an end is found


def chance_of_mean(values: Floats, mean: Floats, within: Range) -> Floats:
    """P value of "the mean is `mean` or more"; small where the values are too low for it.

    Args:
      values: `[B, N]`, B samples of N values in `within`.
      mean: `[B]` in `within`.
      within: smallest and largest value there can be.

    Returns:
      `[B]` in [0, 1].
    """
    top = np.full((len(values), 1), within[1])
    return _chance_positive(np.concatenate([values, top], axis=1) - mean[:, None])


def highest_mean(values: Floats, level: float, within: Range) -> Floats:
    """The largest mean whose P value, `chance_of_mean`, is not below `level`: an upper bound.

    Args:
      values: `[B, N]` in `within`.
      level: of the test, above 0 and below 1.
      within: smallest and largest value there can be.

    Returns:
      `[B]`, the bounds, to a part in 2^30 of the range and never below it.
    """
    low, high = values.mean(axis=1), np.full(len(values), float(within[1]))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        kept = chance_of_mean(values, middle, within) >= level
        low, high = np.where(kept, middle, low), np.where(kept, high, middle)
    return high


def mirrored(values: Floats, within: Range) -> Floats:
    """The values with the ends of the range exchanged: what is low becomes high."""
    return within[0] + within[1] - values


def _chance_positive(weights: Floats) -> Floats:
    """How probable `sum(weights * E) >= 0` is for independent exponential variables E, `[B]`.

    Exact. Let the positive and the negative terms race: of two exponentials with means p and q the
    first is the longer with probability p / (p + q), and has then still an exponential of mean p
    to go. So `f[i, j]`, the chance with i positive and j negative terms left, is
    `(p_i f[i, j-1] + q_j f[i-1, j]) / (p_i + q_j)`: no term is negative, nothing cancels.

    Args:
      weights: `[B, M]`.
    """
    rows, terms = weights.shape
    nothing = np.zeros((rows, 1))
    positive = np.concatenate([nothing, np.maximum(weights, 0)], axis=1)
    negative = np.concatenate([nothing, np.maximum(-weights, 0)], axis=1)
    # Along a diagonal i + j; terms of the other sign have length 0 and pass the turn on.
    before, first = np.ones((rows, 1)), 0
    for diagonal in range(1, 2 * terms + 1):
        i = np.arange(max(0, diagonal - terms), min(terms, diagonal) + 1)
        p, q = positive[:, i], negative[:, diagonal - i]
        total = p + q
        share = np.divide(p, total, out=np.ones_like(p), where=total > 0)
        last = before.shape[1] - 1
        fewer_negative = before[:, np.clip(i - first, 0, last)]
        fewer_positive = before[:, np.clip(i - 1 - first, 0, last)]
        before = share * fewer_negative + (1 - share) * fewer_positive
        before[:, i == diagonal] = 1.0
        before[:, i == 0] = 0.0
        first = int(i[0])
    chances: Floats = before[:, 0]
    return chances
