"""The bisection against damage known in closed form."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tf_fragile.attacks.halving import bisect, smallest_epsilon
from tf_fragile.errors import InputError


def linear(slope):
    """An attack whose overlap falls as 1 - r / slope; half is reached at slope / 2."""
    return lambda radii: np.clip(1 - radii / np.asarray(slope), 0, 1)


@pytest.mark.parametrize("tolerance", [0.5, 0.1, 1e-3])
@pytest.mark.parametrize("level", [0.5, 0.2])
def test_every_image_gets_its_own_smallest_radius(tolerance: float, level: float) -> None:
    slope = np.array([0.7, 3.0, 8.0, 19.0])
    true = slope * (1 - level)
    found = bisect(linear(slope), 4, low=0.1, high=16, level=level, tolerance=tolerance)
    assert found.reached.all() and not found.at_low.any()
    assert (found.epsilon >= true * (1 - 1e-5)).all()
    assert (found.epsilon <= true * (1 + tolerance)).all()


def test_cost_is_the_two_ends_and_the_halvings_whatever_the_batch() -> None:
    one = bisect(linear([3.0]), 1, low=1, high=16, tolerance=0.1)
    many = bisect(linear(np.linspace(2.5, 30, 7)), 7, low=1, high=16, tolerance=0.1)
    # log(16) / log(1.1) = 29.1 < 2^5
    assert one.evaluations == many.evaluations == 2 + 5
    assert many.radii.shape == many.overlap.shape == (7, 7)
    np.testing.assert_array_equal(many.radii[:2], [[16.0] * 7, [1.0] * 7])


def test_the_whole_record_supports_the_result() -> None:
    """The result was tried and reached; nothing tried below it was."""
    found = bisect(linear([1.5, 4.0, 9.0]), 3, low=0.5, high=8, tolerance=0.05)
    for image in range(3):
        radii, overlap = found.radii[:, image], found.overlap[:, image]
        hits = overlap <= 0.5
        assert found.epsilon[image] == radii[hits].min()
        assert radii[~hits].max() * 1.05 >= found.epsilon[image] > radii[~hits].max()


def test_damage_that_is_not_monotone_gives_the_smallest_radius_that_reached() -> None:
    """Half is reached on [2, 4] and from 9 on; in between the attack is too weak."""

    def evaluate(radii):
        return np.where(((radii >= 2) & (radii <= 4)) | (radii >= 9), 0.3, 0.8)

    found = bisect(evaluate, 1, low=1, high=10, tolerance=0.01)
    assert 2 <= found.epsilon[0] <= 2.02


def test_an_image_that_only_a_smaller_radius_reaches_is_found() -> None:
    """At the largest radius the label is lost and the attack fails."""

    def evaluate(radii):
        return np.where(radii > 8, np.nan, np.where(radii >= 3, 0.4, 0.9))

    found = bisect(evaluate, 2, low=1, high=16, tolerance=0.05)
    assert found.reached.all()
    assert ((found.epsilon >= 3) & (found.epsilon <= 3.15)).all()


def test_an_image_never_reached_has_an_infinite_radius() -> None:
    found = bisect(linear([2.0, 100.0, np.inf]), 3, low=0.5, high=8)
    np.testing.assert_array_equal(found.reached, [True, False, False])
    np.testing.assert_array_equal(np.isinf(found.epsilon), [False, True, True])


def test_attacks_that_fail_have_not_reached_anything() -> None:
    found = bisect(lambda radii: np.full(2, np.nan), 2, low=1, high=4)
    assert not found.reached.any() and np.isinf(found.epsilon).all()


def test_half_reached_at_the_smallest_radius_is_said_and_ends_the_search() -> None:
    found = bisect(linear([0.1, 0.2]), 2, low=1, high=4)
    np.testing.assert_array_equal(found.epsilon, [1.0, 1.0])
    assert found.at_low.all() and found.evaluations == 2
    mixed = bisect(linear([0.1, 4.0]), 2, low=1, high=4, tolerance=0.1)
    np.testing.assert_array_equal(mixed.at_low, [True, False])
    assert mixed.epsilon[0] == 1.0 and 2 <= mixed.epsilon[1] <= 2.2


def test_a_level_met_exactly_in_single_precision_counts() -> None:
    """300 of 1000 in float32 is above 0.3."""
    share = np.float32(300) / np.float32(1000)
    assert float(share) > 0.3
    found = bisect(lambda radii: np.full(1, share, np.float32), 1, low=1, high=4, level=0.3)
    assert found.reached.all()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"low": 0, "high": 4}, "low of the search is 0; give"),
        ({"low": 4, "high": 4}, "between low=4 and high=4"),
        ({"low": 1, "high": float("inf")}, "high of the search is inf; give a finite"),
        (
            {"low": 1, "high": 4, "level": 1.0},
            "level of the search is 1.0; give .* and below 1",
        ),
        ({"low": 1, "high": 4, "tolerance": 0.0}, "tolerance of the search is 0.0; give"),
        (
            {"low": 1, "high": 4, "tolerance": float("inf")},
            "tolerance of the search is inf; give a finite",
        ),
    ],
)
def test_searches_that_make_no_sense_are_refused(settings, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        bisect(linear([1.0]), 1, **settings)


def test_an_attack_is_called_with_one_radius_an_image_and_always_the_same_seed() -> None:
    calls = []

    def attack(explainer, x, target, *, epsilon, bounds, seed, progress):
        assert progress is None
        calls.append((explainer, target, bounds, seed, epsilon.shape))
        return SimpleNamespace(metrics={"top_k_intersection": linear([2.0, 6.0])(epsilon)})

    found = smallest_epsilon(
        attack, "explainer", np.zeros((2, 3)), [1, 2], low=0.5, high=8, bounds=(0, 1),
        tolerance=0.01, seed=7,
    )  # fmt: skip
    np.testing.assert_allclose(found.epsilon, [1.0, 3.0], rtol=0.01)
    assert calls == [("explainer", [1, 2], (0, 1), 7, (1, 2))] * found.evaluations
