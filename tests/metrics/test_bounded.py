"""The test of a bounded mean: against closed forms, against chance, and as a bound."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tf_fragile.metrics.bounded import chance_of_mean, highest_mean, mirrored

UNIT = (0.0, 1.0)


def p_value(values, mean: float, within=UNIT) -> float:
    return float(chance_of_mean(np.array([values], float), np.array([mean]), within)[0])


@pytest.mark.parametrize(("ones", "n"), [(0, 8), (1, 8), (3, 8), (8, 8), (5, 30)])
@pytest.mark.parametrize("mean", [0.2, 0.5, 0.9])
def test_of_zeros_and_ones_it_is_the_binomial_test(ones, n, mean) -> None:
    values = [1.0] * ones + [0.0] * (n - ones)
    exact = stats.binomtest(ones, n, mean, alternative="less").pvalue
    assert p_value(values, mean) == pytest.approx(exact, rel=1e-9)


def test_of_zeros_and_ones_the_bound_is_clopper_and_pearsons_and_none_below_it() -> None:
    values = np.array([[1.0] * ones + [0.0] * (12 - ones) for ones in range(12)])
    bounds = highest_mean(values, 0.025, UNIT)
    exact = [stats.binomtest(k, 12).proportion_ci(0.95, "exact").high for k in range(12)]
    np.testing.assert_allclose(bounds, exact, atol=2e-9)
    assert (bounds >= np.array(exact) - 1e-12).all()


def test_of_equal_values_it_is_a_power() -> None:
    assert p_value([0.1] * 8, 0.5) == pytest.approx((0.5 / 0.9) ** 8)


def test_it_is_the_chance_of_randomly_weighted_means() -> None:
    """The definition, drawn: values and the upper end weighted by a cut of the unit interval."""
    rng = np.random.default_rng(0)
    values = rng.beta(2, 5, 9)
    weighted = rng.dirichlet(np.ones(10), 200_000) @ np.append(values, 1)
    assert p_value(values, 0.42) == pytest.approx((weighted >= 0.42).mean(), abs=0.003)


def test_order_ties_and_the_scale_of_the_range_do_not_matter() -> None:
    values = np.array([0.1, 0.4, 0.4, 0.2, 0.5, 0.5])
    p = p_value(values, 0.5)
    assert p_value(values[::-1], 0.5) == pytest.approx(p, rel=1e-12)
    assert p_value(3 * values - 1, 0.5, (-1, 2)) == pytest.approx(p, rel=1e-12)
    assert p_value(values + 1e-13, 0.5) == pytest.approx(p, rel=1e-6)


def test_many_samples_at_once_are_those_one_by_one() -> None:
    values = np.random.default_rng(1).uniform(size=(4, 7))
    means = np.array([0.2, 0.5, 0.6, 0.9])
    together = chance_of_mean(values, means, UNIT)
    assert together == pytest.approx([p_value(*one) for one in zip(values, means, strict=True)])


@pytest.mark.parametrize("rest", [0.0, 0.3, 0.45])
@pytest.mark.parametrize("n", [1, 4, 8])
def test_its_level_holds_where_rare_values_make_up_the_mean(rest, n) -> None:
    """Most images at `rest`, the others at 1, half on average: what no bootstrap can see."""
    share = (0.5 - rest) / (1 - rest)
    ones = np.arange(n + 1)
    samples = np.where(np.arange(n) < ones[:, None], 1.0, rest)
    p = chance_of_mean(samples, np.full(n + 1, 0.5), UNIT)
    chance = stats.binom.pmf(ones, n, share)
    for level in (0.05, 0.025, 0.0025):
        assert chance[p <= level].sum() <= level


def test_mirrored_exchanges_the_ends_of_the_range() -> None:
    np.testing.assert_allclose(mirrored(np.array([-1.0, 0.5]), (-1, 1)), [1.0, -0.5])
