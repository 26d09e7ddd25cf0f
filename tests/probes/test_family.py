"""Words are tested together: how few images can carry one, what is corrected, what it takes."""

from __future__ import annotations

import numpy as np
import pytest

from tf_fragile.audit.asked import asked
from tf_fragile.probes.fragility.family import evidence, fewest, in_words, too_few


@pytest.mark.parametrize(("family", "images"), [(1, 6), (2, 7), (10, 9)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_below_the_fewest_nothing_decides_and_there_the_clearest_does(family, images, value):
    assert fewest(family) == images
    short = evidence([np.full(images - 1, value)] * family)
    assert not any(e.is_fragile or e.is_robust for e in short)
    enough = evidence([np.full(images, value)] * family)
    assert all(e.is_robust if value else e.is_fragile for e in enough)


def test_the_default_audit_calls_overlaps_about_a_quarter_fragile() -> None:
    settings = asked()
    overlaps = np.linspace(0.15, 0.35, settings.num_images)
    assert all(e.is_fragile for e in evidence([overlaps] * len(settings.explainers)))


def test_one_image_carries_nothing() -> None:
    (alone,) = evidence([np.zeros(1)])
    assert not alone.is_fragile
    assert (
        alone.doubt() == "1 image can't carry a verdict, whatever they show: --num_images=6 or more"
    )


def test_a_sample_counts_for_less_among_many() -> None:
    sample = np.full(8, 0.15)
    (alone,) = evidence([sample])
    among = evidence([sample, *[np.full(8, 0.6)] * 9])[0]
    assert alone.is_fragile
    assert not among.is_fragile
    assert among.below == pytest.approx(10 * alone.below)


def test_explainers_without_any_image_count_in_the_family() -> None:
    first, nothing = evidence([np.full(8, 0.15), np.empty(0)])
    assert first.family == 2
    assert (nothing.images, nothing.below, nothing.above) == (0, 1.0, 1.0)


def test_what_it_would_take_is_said_and_is_enough() -> None:
    sample = np.array([0.3, 0.25, 0.35, 0.3, 0.28, 0.33, 0.31, 0.29])
    found = evidence([sample] * 2)[0]
    assert found.doubt(failed=1) == (
        "the mean is not surely below 0.5 (P = 0.14, corrected for 2 verdicts); more images like "
        f"these would tell: --num_images={found.wanted + 1}"
    )
    more = evidence([np.tile(sample, found.wanted // 8)] * 2)[0]
    assert more.is_fragile
    assert more.doubt() == ""


def test_near_a_half_no_number_is_promised() -> None:
    (found,) = evidence([np.linspace(0.2, 0.78, 8)])
    assert found.wanted is None
    assert found.doubt() == "the mean is not surely below 0.5 (P = 0.72)"


def test_more_images_than_there_are_are_not_asked_for() -> None:
    assert too_few(2, 1, there=6).endswith("whatever they show: --num_images=6 or more")
    assert too_few(2, 1, there=5) == (
        "2 images can't carry a verdict, whatever they show: it takes 6 or more, and no more than "
        "5 can be attacked; give more data"
    )
    found = evidence([np.array([0.3, 0.25, 0.35, 0.3, 0.28, 0.33, 0.31, 0.29])] * 2)[0]
    assert found.doubt(there=found.wanted).endswith(f"tell: --num_images={found.wanted}")
    assert found.doubt(failed=1, there=found.wanted).endswith(
        f"would tell: it takes {found.wanted + 1}, and no more than {found.wanted} can be "
        "attacked; give more data"
    )


def test_too_few_says_how_many_it_takes_with_those_that_fail() -> None:
    assert too_few(7, 2) == ""
    assert too_few(5, 2, failed=3) == (
        "5 images can't carry one of 2 verdicts, whatever they show: --num_images=10 or more"
    )


def test_what_is_corrected_is_said() -> None:
    assert in_words(1) == (
        "FRAGILE and PASS take a one-sided test of the mean overlap at 2.5 %. Intervals are of "
        "each row alone, at 95 %, not corrected."
    )
    assert "at 2.5 %, corrected for 4 verdicts at once (Holm), so that" in in_words(4)


def test_no_samples_are_no_evidence() -> None:
    assert evidence([]) == []
