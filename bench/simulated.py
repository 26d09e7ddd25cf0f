"""How often an interval holds the mean, and how often a word is wrong: by drawing again and again.

A population is a function that draws samples and knows its mean; a procedure is what a probe makes
of one sample, for many samples at once. Nothing here knows which: other probes bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Generator = np.random.Generator

_AT_ONCE = 500  # replications in memory


@dataclass(frozen=True)
class Population:
    """Something that images are drawn from.

    Attributes:
      name: for the table.
      draw: `(rng, size)` to values of that shape.
      mean: the true one.
    """

    name: str
    draw: Callable[[Generator, tuple[int, ...]], Floats]
    mean: float


@dataclass(frozen=True)
class Coverage:
    """What became of many intervals.

    Attributes:
      covered: share of those given that hold the mean.
      refused: share of samples without an interval.
      low: share of those given that lie below the mean.
      high: share of those given that lie above.
    """

    covered: float
    refused: float
    low: float
    high: float


Ends = Callable[[Floats], tuple[Floats, Floats]]
"""Samples `[B, n]` to lower and upper ends `[B]`, NaN where no interval is given."""

Misses = Callable[[Floats, float], tuple[Bools, Bools, Bools]]
"""Samples `[B, n]` and the true mean to `[B]` each: whether an interval is given, lies below the
mean, lies above it."""

Alarms = Callable[[Floats], Bools]
"""Families of samples `[B, F, n]` to `[B]`: whether the word is said of any of the F."""


def of_values(name: str, values: Floats) -> Population:
    """The population of measured values, drawn with replacement."""
    return Population(name, lambda rng, size: rng.choice(values, size), float(values.mean()))


def at_threshold(population: Population, threshold: float, *, mixed: bool = False) -> Population:
    """A population in [0, 1] made from another whose mean is `threshold` exactly.

    Args:
      population: with values in [0, 1].
      threshold: between 0 and 1.
      mixed: values that are too low are made up for by some of 1 (too high: of 0), which a sample
        often does not hold; else all are drawn towards that end alike.
    """
    end = 1.0 if population.mean < threshold else 0.0
    share = (end - threshold) / (end - population.mean)  # of what is kept

    def mixture(rng: Generator, size: tuple[int, ...]) -> Floats:
        return np.where(rng.random(size) < share, population.draw(rng, size), end)

    def drawn_in(rng: Generator, size: tuple[int, ...]) -> Floats:
        return end + (population.draw(rng, size) - end) * share

    how = "mixed" if mixed else "moved"
    name = f"{population.name}, {how} to {threshold:g}"
    return Population(name, mixture if mixed else drawn_in, threshold)


def by_ends(ends: Ends) -> Misses:
    """Where intervals that have ends lie."""

    def misses(sample: Floats, mean: float) -> tuple[Bools, Bools, Bools]:
        low, high = ends(sample)
        slack = 1e-9  # the mean of values that are all alike is rounded otherwise than the true one
        return np.isfinite(low) & np.isfinite(high), high < mean - slack, low > mean + slack

    return misses


def coverage(
    population: Population, misses: Misses, n: int, *, replications: int, seed: int
) -> Coverage:
    """Draws `replications` samples of `n` and looks where their intervals lie."""
    rng = np.random.default_rng((seed, n))
    found = []
    for begin in range(0, replications, _AT_ONCE):
        sample = population.draw(rng, (min(_AT_ONCE, replications - begin), n))
        found.append(np.stack(misses(sample, population.mean)))
    given, below, above = np.concatenate(found, axis=1)
    if not given.any():
        return Coverage(np.nan, 1.0, np.nan, np.nan)
    low, high = float(below[given].mean()), float(above[given].mean())
    return Coverage(1 - low - high, float(1 - given.mean()), low, high)


def alarm_rate(
    draw: Callable[[Generator, tuple[int, int]], Floats],
    alarms: Alarms,
    n: int,
    *,
    replications: int,
    seed: int,
) -> float:
    """How often a word is said of any member of a family.

    Args:
      draw: `(rng, (B, n))` to families `[B, F, n]`.
      alarms: the procedure.
      n: images.
      replications: families drawn.
      seed: of them.
    """
    rng = np.random.default_rng((seed, n))
    found = []
    for begin in range(0, replications, _AT_ONCE):
        family = draw(rng, (min(_AT_ONCE, replications - begin), n))
        found.append(alarms(family))
    return float(np.concatenate(found).mean())


def independent(population: Population, members: int) -> Callable[..., Floats]:
    """Families whose members have nothing to do with each other."""

    def draw(rng: Generator, size: tuple[int, int]) -> Floats:
        return population.draw(rng, (size[0], members, size[1]))

    return draw


def of_the_same_images(columns: Sequence[Floats]) -> Callable[..., Floats]:
    """Families measured on the same images: rows of a table `[images, F]`, with replacement."""
    table = np.stack(columns, axis=1)

    def draw(rng: Generator, size: tuple[int, int]) -> Floats:
        return table[rng.integers(0, len(table), size)].transpose(0, 2, 1)

    return draw
