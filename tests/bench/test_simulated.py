"""The simulation counts what it is there to count."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import (
    Population,
    alarm_rate,
    at_threshold,
    by_ends,
    coverage,
    independent,
    of_the_same_images,
    of_values,
)

OVERLAPS = of_values("measured", np.array([0.0, 0.1, 0.2, 0.9]))


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_a_null_has_the_mean_it_says_and_stays_in_its_range(mixed, threshold) -> None:
    null = at_threshold(OVERLAPS, threshold, mixed=mixed)
    drawn = null.draw(np.random.default_rng(0), (200_000,))
    assert drawn.mean() == pytest.approx(threshold, abs=0.01)
    assert drawn.min() >= 0 and drawn.max() <= 1


def test_intervals_are_counted_as_given_missing_below_and_missing_above() -> None:
    def ends(sample):
        first = sample[:, 0]  # 0, 0.1, 0.2 or 0.9, of a mean of 0.3
        return np.where(first == 0.9, np.nan, first), np.where(first == 0, 0.2, first + 0.1)

    found = coverage(OVERLAPS, by_ends(ends), 3, replications=4000, seed=0)
    assert found.refused == pytest.approx(1 / 4, abs=0.03)
    assert found.low == pytest.approx(2 / 3, abs=0.03)  # [0, 0.2] and [0.1, 0.2]
    assert found.high == 0.0
    assert found.covered == pytest.approx(1 / 3, abs=0.03)  # [0.2, 0.3], to rounding


def test_any_alarm_of_a_family_counts_once_and_shared_images_make_them_one() -> None:
    coin = Population("coin", lambda rng, size: rng.integers(0, 2, size).astype(float), 0.5)

    def alarms(families):
        return (families[:, :, 0] == 1).any(axis=1)

    options = {"replications": 4000, "seed": 0}
    assert alarm_rate(independent(coin, 3), alarms, 2, **options) == pytest.approx(7 / 8, abs=0.02)
    same = of_the_same_images([np.array([0.0, 1.0])] * 3)
    assert alarm_rate(same, alarms, 2, **options) == pytest.approx(1 / 2, abs=0.03)
