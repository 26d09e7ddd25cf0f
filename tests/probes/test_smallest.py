"""From the smallest radius of each image to one clause."""

from __future__ import annotations

import math

import pytest
from attack_records import attack_records

from tf_fragile.probes.fragility.names import SEARCHED, SMALLEST
from tf_fragile.probes.fragility.smallest import halvings

UNREACHED = math.inf


def told(*radii: float) -> str:
    base = {
        "label": 1,
        "predicted": 1,
        "explainer": "gradient",
        "attack": "top_k",
        "variant": SEARCHED,
    }
    rows = [
        base | {"sample": sample, "metric": SMALLEST, "value": radius}
        for sample, radius in enumerate(radii)
    ]
    (found,) = halvings(attack_records(rows)).items()
    assert found[0] == "gradient under top_k"
    return found[1].text


@pytest.mark.parametrize(
    ("radii", "text"),
    [
        ((1.0, 2.0, 3.0, 4.0), "median epsilon of 2 (quartiles 1, 3; 4 of 4 images)"),
        (
            (1.5, 2.0, 4.0, UNREACHED),
            "median epsilon of 2 (quartiles 1.5, 4; 3 of 4 images)",
        ),
        (
            (3.0, UNREACHED, UNREACHED, UNREACHED),
            "median epsilon of not reached (quartiles 3, not reached; 1 of 4 images)",
        ),
        ((UNREACHED, UNREACHED), "not gone at any epsilon tried (2 images)"),
    ],
)
def test_quartiles_are_radii_that_were_found(radii: tuple[float, ...], text: str) -> None:
    assert text in told(*radii)


def test_without_a_search_there_is_nothing_to_say() -> None:
    base = {"label": 1, "predicted": 1, "explainer": "gradient", "attack": "top_k"}
    rows = [base | {"sample": 0, "metric": "top_k_intersection", "value": 0.3}]
    assert not halvings(attack_records(rows))
