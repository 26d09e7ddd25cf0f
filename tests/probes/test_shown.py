"""Who is shown: chosen by what the attack did, over all classes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from attack_records import attack_records

from tf_fragile.probes.fragility.shown import choose_shown, ranking


def records(overlaps: dict[int, float], group: dict[int, int], failed: tuple[int, ...] = ()) -> Any:
    """Attacked at two radii; the smaller one, the control and another explainer would mislead."""
    rows = []
    for sample, overlap in overlaps.items():
        common = {"sample": sample, "label": group[sample], "predicted": 9}
        for explainer, attack, epsilon, value in [
            ("gradient", "top_k", 8.0, overlap),
            ("gradient", "top_k", 2.0, 1 - overlap),
            ("gradient", "random_sign", 8.0, 1 - overlap),
            ("other", "top_k", 8.0, 1 - overlap),
        ]:
            told = {**common, "explainer": explainer, "attack": attack, "epsilon": epsilon}
            success = float(sample not in failed)
            rows.append({**told, "metric": "success", "value": success})
            rows.append({**told, "metric": "top_k_intersection", "value": value})
    rows.append({"sample": 99, "label": 0, "predicted": 1, "metric": "excluded", "value": 1.0})
    return attack_records(rows)


def shown(count: int, overlaps: list[float], groups: str, failed: tuple[int, ...] = ()) -> Any:
    by_sample = dict(enumerate(overlaps))
    group = {i: "abcdef".index(name) for i, name in enumerate(groups)}
    return choose_shown(records(by_sample, group, failed), count, "gradient", "top_k")


def samples(*arguments: Any) -> list[int]:
    return [place.sample for place in shown(*arguments).places]


SEVEN = [0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.4]  # from the worst: 1 5 3 6 0 4 2


def test_worst_median_and_best_by_the_overlap_at_the_largest_radius() -> None:
    found = shown(3, SEVEN, "aaaaaaa")
    assert [(p.sample, p.rank, p.of, p.role) for p in found.places] == [
        (1, 1, 7, "worst"),
        (6, 4, 7, "median"),
        (2, 7, 7, "best"),
    ]
    assert found.places[0].text == "worst, rank 1 of 7 by overlap"
    assert found.text == (
        "3 of the 7 attacked images, from one class, from the worst to the best top-k overlap of "
        "gradient under top_k at the largest ε: the worst, the best and the median."
    )


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [1]), (2, [1, 2])])
def test_fewer_than_three(count: int, expected: list[int]) -> None:
    assert samples(count, SEVEN, "aaaaaaa") == expected


def test_more_than_three_have_every_class_and_then_the_next_on_each_side() -> None:
    assert samples(4, SEVEN, "aaaabaa") == [1, 6, 4, 2]  # 4: worst, and only one, of its class
    assert samples(5, SEVEN, "aaaaaaa") == [1, 5, 6, 4, 2]
    found = shown(4, SEVEN, "aaaabaa")
    assert found.places[2].role == "worst of its class"
    assert "4 of the 7 attacked images, from all 2 classes" in found.text
    assert found.text.endswith(
        "the median; then the worst of each class not among them, then the next on each side."
    )


def test_all_of_them_are_sorted_and_called_all() -> None:
    found = shown(7, SEVEN, "abababa")
    assert [p.sample for p in found.places] == [1, 5, 3, 6, 0, 4, 2]
    assert found.text.startswith("All 7 attacked images, from all 2 classes, from the worst to")
    assert shown(9, SEVEN, "abababa") == found


def test_of_equals_one_of_a_class_not_yet_there_comes_first() -> None:
    assert samples(2, [0.0, 0.5, 1.0, 1.0], "abab") == [0, 3]
    assert samples(3, [0.0, 0.5, 0.5, 1.0], "aaba") == [0, 2, 3]
    assert "from all 2 classes" in shown(2, [0.0, 0.5, 1.0, 1.0], "abab").text
    assert "from 1 of 3 classes" in shown(1, [0.0, 0.5, 1.0, 1.0], "abac").text


def test_a_failed_attack_has_no_rank_and_is_shown_last() -> None:
    assert samples(3, SEVEN, "aaaaaaa", (1, 2)) == [5, 6, 4]
    found = shown(7, SEVEN, "aaaaaaa", (1, 2))
    assert [p.sample for p in found.places] == [5, 3, 6, 0, 4, 1, 2]
    assert found.places[0].of == 5
    assert found.places[-1].text == "no rank: the attack failed at the largest epsilon"
    assert samples(2, SEVEN, "aaaaaaa", tuple(range(7))) == [0, 1]


def test_an_undefined_overlap_has_no_rank() -> None:
    assert samples(2, [math.nan, 0.4, 0.2], "aaa") == [2, 1]


def test_an_unlabelled_image_is_of_the_class_that_the_model_sees() -> None:
    table = records({0: 0.4, 1: 0.2}, {0: -1, 1: -1})
    assert {one.group for one in ranking(table, "gradient", "top_k")} == {9}


def test_nobody_attacked_nobody_shown() -> None:
    found = choose_shown(attack_records([]), 3, "gradient", "top_k")
    assert (found.places, found.text) == ((), "")
