r"""Which levels an audit's intervals and words hold: `docs/results/statistics.md`.

    python bench/levels.py --out=docs/results/statistics.md

Draws samples of n images again and again, from populations whose mean is known: synthetic ones and
overlaps that were measured, image by image (`bench/populations/NAME.csv`). Those are written from
the records of a finished audit of all images:

    tf_fragile audit --model=squeezenet_v1.0 --weights=WEIGHTS --data=folder:DIR --num_images=0 \
        --explainers=gradient --plateau=0 --gallery=0 --out=RUN
    python bench/levels.py --collect=RUN --to=bench/populations/squeezenet.csv

"Before" is what the audit did until 0.1: a BCa interval of each row (Efron 1987), and FRAGILE where
its upper end is below a half.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from absl import flags
from levels_page import COVERAGE, FALSE_ALARMS, POWER, Line, page
from scipy import stats
from scipy.special import ndtr, ndtri
from simulated import (
    Bools,
    Floats,
    Misses,
    Population,
    alarm_rate,
    at_threshold,
    by_ends,
    coverage,
    independent,
    of_the_same_images,
    of_values,
)

from tf_fragile import cli
from tf_fragile.metrics.bounded import chance_of_mean, mirrored
from tf_fragile.metrics.statistics import holm, mean_ends
from tf_fragile.probes.fragility.family import FRAGILE_BELOW, LEVEL, evidence
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.fragility.summary import kept_values, without_extras
from tf_fragile.runs.records import read_records

OUT = flags.DEFINE_string("out", None, "The page to write; the terminal if none.")
COLLECT = flags.DEFINE_string("collect", None, "A run directory whose values are written.")
TO = flags.DEFINE_string("to", None, "Where --collect writes.")
REPLICATIONS = flags.DEFINE_integer("replications", 4000, "Samples a cell.", lower_bound=1)
RESAMPLES = flags.DEFINE_integer("resamples", 2000, "Bootstrap resamples a sample.", lower_bound=1)
SIZES = flags.DEFINE_list("sizes", ["8", "16", "32", "64"], "Images in a sample.")
SEED = flags.DEFINE_integer("seed", 0, "Of the draws.")

UNIT = (0.0, 1.0)
MEMBERS = 10
POPULATIONS = Path(__file__).parent / "populations"
OVERLAP, SHIFT = "top_k_intersection", "center_shift"


def collect(run: Path, to: Path) -> None:
    """Overlap and centre shift of every image, a column an attack and radius, as CSV."""
    kept = kept_values(without_extras(read_records(run, FragilityProbe.name)))
    explainers = {explainer for explainer, *_ in kept}
    columns = {
        f"{explainer + ' ' if len(explainers) > 1 else ''}{attack} {epsilon:g} {metric}": values
        for (explainer, _, attack, epsilon, metric), values in kept.items()
        if metric in (OVERLAP, SHIFT)
    }
    table = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    table.to_csv(to, index=False, float_format="%.4g")


def synthetic() -> Iterator[Population]:
    """Means near 0, near 1 and between, smooth, in two points, and without an upper limit."""
    for a, b in ((2, 5), (8, 8), (0.5, 0.5), (1, 9), (0.5, 10), (1, 30), (20, 1), (30, 0.7)):
        yield Population(f"beta({a}, {b})", partial(_beta, a, b), a / (a + b))
    for low, high, share, noise in (
        (0, 1, 0.5, 0), (0, 1, 0.1, 0), (0.3, 0.9, 0.3, 0.05), (0.1, 0.9, 0.1, 0.02),
        (0.95, 0.2, 0.05, 0.02),
    ):  # fmt: skip
        name = f"{low:g}, {100 * share:g} % {high:g}" + (f", each ± {noise:g}" if noise else "")
        mean = low + share * (high - low)
        yield Population(name, partial(_two, low, high, share, noise), mean)


def unlimited() -> Iterator[Population]:
    """Of values that have no upper limit."""
    yield Population("normal", lambda rng, size: rng.normal(size=size), 0.0)
    yield Population("exponential", lambda rng, size: rng.exponential(size=size), 1.0)
    yield Population("lognormal", lambda rng, size: rng.lognormal(size=size), math.exp(0.5))


def _beta(a: float, b: float, rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    return rng.beta(a, b, size)


def _two(
    low: float, high: float, share: float, noise: float, rng: np.random.Generator,
    size: tuple[int, ...],
) -> Floats:  # fmt: skip
    points = np.where(rng.random(size) < share, high, low)
    return points + noise * rng.uniform(-1, 1, size)


def measured(metric: str, *, whole: bool = False) -> Iterator[tuple[str, dict[str, Floats]]]:
    """Name of a set and its columns of one metric, an image a row.

    Args:
      metric: which.
      whole: whether only images are taken that have all of them, so that rows are the same images;
        failed attacks have none.
    """
    for path in sorted(POPULATIONS.glob("*.csv")):
        table = pd.read_csv(path)
        columns = [name for name in table if name.endswith(metric)]
        table = table.dropna(subset=columns) if whole else table
        found = {name.removesuffix(metric).strip(): table[name].dropna() for name in columns}
        yield path.stem, {name: values.to_numpy(np.float64) for name, values in found.items()}


def bca(values: Floats, *, widened: bool = False) -> tuple[Floats, Floats]:
    """The interval of before, for many samples; `widened` as by Hesterberg 2015."""
    n, resamples = values.shape[1], RESAMPLES.value
    mean = values.mean(axis=1, keepdims=True)
    apart = values - mean
    squares = (apart**2).sum(axis=1)
    told = squares > 1e-20
    cubes = (apart**3).sum(axis=1)
    skew = np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=told)
    z = -ndtri(0.025)
    if widened:
        z = math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)
    shares = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), resamples).T / n
    means = np.sort(values @ shares, axis=1)
    lower = ((means < mean).mean(axis=1) + (means <= mean).mean(axis=1)) / 2
    bias = ndtri(np.clip(lower, 1 / resamples, 1 - 1 / resamples))
    ends = []
    for side in (-z, z):
        share = ndtr(bias + (bias + side) / (1 - skew * (bias + side)))
        place = np.clip(np.round(share * (resamples + 1)).astype(int) - 1, 0, resamples - 1)
        ends.append(np.take_along_axis(means, place[:, None], axis=1)[:, 0])
    return ends[0], ends[1]


def now(values: Floats, within: tuple[float, float] | None = UNIT) -> tuple[Floats, Floats]:
    """The interval of today: the product's own code."""
    return mean_ends(values, resamples=RESAMPLES.value, within=within)


def bound(values: Floats, mean: float) -> tuple[Bools, Bools, Bools]:
    """Where the bounds behind the words, as an interval, lie: by the test that they invert."""
    means = np.full(len(values), mean)
    below = chance_of_mean(values, means, UNIT) < LEVEL
    above = chance_of_mean(mirrored(values, UNIT), 1 - means, UNIT) < LEVEL
    return np.ones(len(values), bool), below, above


def said_before(families: Floats) -> Bools:
    """Whether FRAGILE would have been said of any member `[B, F, n]`: every row for itself."""
    members = families.shape[1]
    _, high = bca(families.reshape(-1, families.shape[2]))
    return np.asarray((high < FRAGILE_BELOW).reshape(-1, members).any(axis=1))


def said_now(families: Floats) -> Bools:
    """The same of the test of today, all members corrected together."""
    count, members, n = families.shape
    p = chance_of_mean(families.reshape(-1, n), np.full(count * members, FRAGILE_BELOW), UNIT)
    p = p.reshape(count, members)
    said = p.min(axis=1) * members <= LEVEL
    for family, any_said, row in zip(families[:3], said, p, strict=False):  # the audit says so, too
        assert any(e.is_fragile for e in evidence(list(family))) == any_said
        assert (holm(row) <= LEVEL).any() == any_said
    return np.asarray(said)


def coverage_lines(sizes: Sequence[int]) -> Iterator[Line]:
    """Coverage of all intervals, a line a population and procedure."""
    limited: list[Population] = list(synthetic())
    free = list(unlimited())
    for name, columns in measured(OVERLAP):
        limited += [of_values(f"{name}: {column}", x) for column, x in columns.items()]
    for name, columns in measured(SHIFT):
        free += [of_values(f"{name}: {column}, shift", x) for column, x in columns.items()]
    before = {"before": by_ends(bca), "widened": by_ends(partial(bca, widened=True))}
    for population in limited:
        yield from _lines(population, before | {"now": by_ends(now), "bound": bound}, sizes)
    for population in free:
        yield from _lines(population, before | {"now": by_ends(partial(now, within=None))}, sizes)


def _lines(
    population: Population, procedures: Mapping[str, Misses], sizes: Sequence[int]
) -> Iterator[Line]:
    for name, misses in procedures.items():
        found = {
            n: coverage(population, misses, n, replications=REPLICATIONS.value, seed=SEED.value)
            for n in sizes
        }
        yield Line(COVERAGE, population.name, population.mean, name, found)


def alarm_lines(sizes: Sequence[int]) -> Iterator[Line]:
    """False FRAGILE of ten explainers, none of whose means is below a half."""
    families: dict[str, Callable[..., Floats]] = {}
    for population in (*_smooth_and_hard(), *_overlaps("top_k")):
        for mixed in (False, True):
            null = at_threshold(population, FRAGILE_BELOW, mixed=mixed)
            families[f"{null.name}; independent"] = independent(null, MEMBERS)
    for name, columns in measured(OVERLAP, whole=True):
        same = [_moved(x) for x in columns.values()]
        same += [_moved((a + b) / 2) for a, b in pairwise(same)]
        if len(same) >= MEMBERS:
            key = f"{name}: {MEMBERS} columns, moved to 0.5; the same images"
            families[key] = of_the_same_images(same[:MEMBERS])
    for name, draw in families.items():
        for when, alarms in {"before": said_before, "now": said_now}.items():
            rates = _rates(draw, alarms, sizes)
            yield Line(FALSE_ALARMS, name, FRAGILE_BELOW, when, rates)


def power_lines(sizes: Sequence[int]) -> Iterator[Line]:
    """How often FRAGILE is said rightly, of one explainer of two."""
    for population in (
        Population("beta(1, 9)", partial(_beta, 1, 9), 0.1),
        Population("beta(2, 6)", partial(_beta, 2, 6), 0.25),
        Population("beta(3, 6)", partial(_beta, 3, 6), 1 / 3),
        *_overlaps("top_k"),
    ):
        if population.mean < FRAGILE_BELOW:
            draw = independent(population, 2)
            for when, alarms in {"before": said_before, "now": said_now}.items():
                rates = _rates(draw, alarms, sizes)
                yield Line(POWER, population.name, population.mean, when, rates)


def _rates(
    draw: Callable[..., Floats], alarms: Callable[[Floats], Bools], sizes: Sequence[int]
) -> dict[int, float]:
    options = {"replications": REPLICATIONS.value, "seed": SEED.value}
    return {n: alarm_rate(draw, alarms, n, **options) for n in sizes}


def _smooth_and_hard() -> Iterator[Population]:
    yield Population("beta(2, 5)", partial(_beta, 2, 5), 2 / 7)
    yield Population("beta(1, 9)", partial(_beta, 1, 9), 0.1)
    yield Population("0, 50 % 1", partial(_two, 0, 1, 0.5, 0), 0.5)


def _overlaps(attack: str) -> Iterator[Population]:
    for name, columns in measured(OVERLAP):
        for column, values in columns.items():
            if f" {column}".rsplit(" ", 1)[0].endswith(f" {attack}"):
                yield of_values(f"{name}: {column}", values)


def _moved(values: Floats) -> Floats:
    end = 1.0 if values.mean() < FRAGILE_BELOW else 0.0
    moved: Floats = end + (values - end) * (end - FRAGILE_BELOW) / (end - values.mean())
    return moved


def main(argv: Sequence[str]) -> int:
    """Writes a page, or a population; returns the exit code."""
    del argv
    if COLLECT.value and TO.value:
        collect(Path(COLLECT.value), Path(TO.value))
        return 0
    sizes = [int(size) for size in SIZES.value]
    started, lines = time.process_time(), []
    for line in (*coverage_lines(sizes), *alarm_lines(sizes), *power_lines(sizes)):
        lines.append(line)
    counts = {name: len(next(iter(c.values()))) for name, c in measured(OVERLAP) if c}
    text = page(lines, sizes, counts, REPLICATIONS.value, time.process_time() - started)
    if OUT.value:
        Path(OUT.value).write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    cli.run(main)
