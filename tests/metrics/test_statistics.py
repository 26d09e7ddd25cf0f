from __future__ import annotations

import math

import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.metrics.statistics import bootstrap_mean, holm, paired_difference, wilson


def test_the_bootstrap_covers_the_mean_about_as_often_as_asked() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        interval = bootstrap_mean(rng.exponential(size=30), 0.9, resamples=400, seed=trial)
        covered += interval.low <= 1.0 <= interval.high
    assert 0.80 <= covered / 200 <= 0.95


def test_the_bootstrap_agrees_with_the_normal_interval_on_many_values() -> None:
    values = np.random.default_rng(1).normal(size=2000)
    interval = bootstrap_mean(values, resamples=2000)
    half = 1.96 * values.std(ddof=1) / math.sqrt(2000)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_equal_input_gives_equal_intervals_and_another_seed_another_one() -> None:
    values = np.random.default_rng(2).uniform(size=12)
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=1)


@pytest.mark.parametrize("values", [[0.3], [0.3] * 5, [0.0, 0.0]])
def test_without_spread_the_interval_is_the_point(values: list[float]) -> None:
    interval = bootstrap_mean(values)
    assert (interval.low, interval.mean, interval.high) == pytest.approx((values[0],) * 3)
    assert interval.n == len(values)


def test_values_that_are_not_finite_are_left_out_and_not_counted() -> None:
    with_gaps = bootstrap_mean([0.1, math.nan, 0.5, math.inf, 0.2])
    assert with_gaps == bootstrap_mean([0.1, 0.5, 0.2])
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
