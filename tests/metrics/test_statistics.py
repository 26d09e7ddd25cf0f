from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tf_fragile.errors import InputError
from tf_fragile.metrics.statistics import (
    bootstrap_mean,
    holm,
    mean_ends,
    mean_is_above,
    mean_is_below,
    paired_difference,
    wilson,
)


@pytest.mark.parametrize("n", [8, 16])
@pytest.mark.parametrize(("a", "b"), [(2, 5), (1, 9), (20, 1)])
def test_intervals_hold_their_level_for_few_values_and_near_the_ends(a, b, n) -> None:
    """BCa covers 85 to 90 % here at n = 8; `docs/results/statistics.md` has the exact numbers."""
    samples = np.random.default_rng(0).beta(a, b, (1000, n))
    low, high = mean_ends(samples, resamples=1000, within=(0, 1))
    covered = ((low <= a / (a + b)) & (a / (a + b) <= high)).mean()
    assert 0.92 <= covered <= 0.98


def test_the_bootstrap_agrees_with_the_normal_interval_on_many_values() -> None:
    values = np.random.default_rng(1).normal(size=2000)
    interval = bootstrap_mean(values, resamples=2000)
    half = 1.96 * values.std(ddof=1) / math.sqrt(2000)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_equal_input_gives_equal_intervals_and_another_seed_another_one() -> None:
    values = np.random.default_rng(2).uniform(size=12)
    assert bootstrap_mean(values) == bootstrap_mean(values[::-1].copy())
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=1)


@pytest.mark.parametrize("values", [[0.3], [0.3] * 5, [0.0, 0.0], [0.1, 0.2, 0.4], [0.0] * 5 + [1]])
def test_without_spread_or_too_few_values_have_a_mean_and_no_interval(values: list[float]) -> None:
    interval = bootstrap_mean(values)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert interval.mean == pytest.approx(np.mean(values))
    assert interval.n == len(values)


@pytest.mark.parametrize(("value", "n"), [(0.0, 1), (0.0, 8), (0.3, 5), (1.0, 20)])
def test_equal_values_of_a_known_range_have_the_exact_rule_of_three(value: float, n: int) -> None:
    """One more value at the far end is as probable as `0.025 ** (1 / n)` allows."""
    unseen = 1 - 0.025 ** (1 / n)
    interval = bootstrap_mean([value] * n, within=(0, 1))
    assert interval.low == pytest.approx(value * (1 - unseen), abs=1e-8)
    assert interval.high == pytest.approx(value + (1 - value) * unseen, abs=1e-8)


def test_an_end_lies_nowhere_beyond_the_bound_that_supposes_nothing() -> None:
    """Of zeros and ones the bootstrap-t has no upper end to speak of; Clopper-Pearson has."""
    values = [0.0] * 7 + [1.0]
    limits = stats.binomtest(1, 8).proportion_ci(0.95, method="exact")
    assert bootstrap_mean(values, within=(0, 1)).high == pytest.approx(limits.high, abs=1e-8)
    doubled = bootstrap_mean([2 * value - 1 for value in values], within=(-1, 1))
    assert doubled.high == pytest.approx(2 * limits.high - 1, abs=1e-8)


def test_a_range_does_not_widen_what_the_bootstrap_carries() -> None:
    values = np.random.default_rng(4).uniform(0.3, 0.5, size=12)
    assert bootstrap_mean(values, within=(0, 1)) == bootstrap_mean(values)


def test_a_value_outside_of_its_range_is_refused_and_rounding_is_not() -> None:
    with pytest.raises(InputError, match=r"A value of 1\.2 is not between 0 and 1\."):
        bootstrap_mean([0.1, 1.2], within=(0, 1))
    assert bootstrap_mean([1.0 + 1e-9, 0.5], within=(0, 1)).high <= 1


def test_intervals_of_many_samples_at_once_are_those_one_by_one() -> None:
    values = np.random.default_rng(5).beta(1, 9, (3, 9))
    values[1] = 0.25
    lows, highs = mean_ends(values, within=(0, 1))
    for row, low, high in zip(values, lows, highs, strict=True):
        interval = bootstrap_mean(row, within=(0, 1))
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)


def test_p_values_go_with_the_bounds_and_turn_with_the_range() -> None:
    values = np.array([0.1, 0.2, 0.15, 0.3, 0.05, 0.25])
    below = mean_is_below(values, 0.5, (0, 1))
    assert 0.025 < below < 0.1
    assert mean_is_above(1 - values, 0.5, (0, 1)) == pytest.approx(below)
    assert mean_is_above(values, 0.5, (0, 1)) > 0.9
    assert mean_is_below([], 0.5, (0, 1)) == mean_is_above([math.nan], 0.5, (0, 1)) == 1.0


def test_values_that_are_not_finite_are_left_out_and_not_counted() -> None:
    with_gaps = bootstrap_mean([0.1, math.nan, 0.5, math.inf, 0.2, 0.3])
    assert with_gaps == bootstrap_mean([0.1, 0.5, 0.2, 0.3])
    nothing = bootstrap_mean([math.nan])
    assert nothing.n == 0
    assert math.isnan(nothing.mean)


def test_wilson_agrees_with_its_closed_form() -> None:
    z = 1.959963984540054
    for successes, n in [(0, 8), (3, 8), (8, 8), (45, 60)]:
        p = successes / n
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        interval = wilson(successes, n)
        assert interval.mean == p
        assert interval.low == pytest.approx(centre - half, abs=1e-9)
        assert interval.high == pytest.approx(centre + half, abs=1e-9)


def test_wilson_of_nothing_knows_nothing() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_impossible_counts_and_levels_are_refused() -> None:
    with pytest.raises(InputError, match="from 0 to 3"):
        wilson(4, 3)
    with pytest.raises(InputError, match="not strictly between 0 and 1"):
        bootstrap_mean([1.0, 2.0], confidence=95)


def test_pairing_removes_what_the_pairs_share() -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(scale=10.0, size=20)
    result = paired_difference(image + 0.5 + rng.normal(scale=0.1, size=20), image)
    assert result.difference.mean == pytest.approx(0.5, abs=0.1)
    assert result.difference.low > 0.4
    assert result.p_value < 0.001


def test_a_paired_difference_has_students_interval_and_none_without_spread() -> None:
    differences = np.array([0.1, 0.3, 0.2, 0.7, -0.1])
    found = paired_difference(differences, np.zeros(5)).difference
    expected = stats.t.interval(0.95, 4, differences.mean(), stats.sem(differences))
    assert (found.low, found.high) == pytest.approx(expected)
    even = paired_difference([0.2] * 5, [0.1] * 5).difference
    assert even.mean == pytest.approx(0.1)
    assert math.isnan(even.low)
    assert math.isnan(even.high)


def test_the_sign_flip_test_is_exact_for_few_pairs() -> None:
    result = paired_difference([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0])
    assert result.p_value == pytest.approx(2 / 2**4)


def test_no_difference_and_no_pairs_are_no_evidence() -> None:
    assert paired_difference([1.0, 2.0], [1.0, 2.0]).p_value == 1.0
    assert paired_difference([3.0], [1.0]).p_value == 1.0
    assert math.isnan(paired_difference([math.nan], [1.0]).p_value)


def test_unmatched_images_are_refused() -> None:
    with pytest.raises(InputError, match="match the images first"):
        paired_difference([1.0, 2.0], [1.0])


def test_holm_agrees_with_a_worked_example_in_any_order() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1.0, 1.0])
    with pytest.raises(InputError, match="P values lie in"):
        holm([1.2])
