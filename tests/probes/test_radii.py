"""Radii as people write them, where none are given, and in words."""

from __future__ import annotations

import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.probes.fragility import radii


def test_radii_are_numbers() -> None:
    assert radii.read(["1", " 2.5", "1e1"]) == (1.0, 2.5, 10.0)
    with pytest.raises(InputError, match=r"--epsilon has 'a lot', which is no number; write --eps"):
        radii.read(["1", "a lot"])


@pytest.mark.parametrize(
    ("text", "number", "named"),
    [
        ("8/255", "8", "8 grey levels"),
        (" 8 / 255 ", "8", "8 grey levels"),
        ("1/255", "1", "1 grey level"),
        ("0.5/255", "0.5", "0.5 grey levels"),
        ("1/51", "5", "5 grey levels"),
        ("10%", "25.5", "25.5 grey levels"),
    ],
)
def test_a_share_of_the_range_is_answered_with_grey_levels(text, number, named) -> None:
    with pytest.raises(InputError) as caught:
        radii.read(["2", text])
    text = text.strip()
    assert str(caught.value) == (
        f"--epsilon={text}: epsilon is in grey levels: write {number}; {text} of the range is "
        f"{named}."
    )
    assert radii.read([number]) == (float(number),)  # the remedy


def test_with_bounds_a_share_is_answered_in_their_units() -> None:
    with pytest.raises(InputError) as caught:
        radii.read(["8/256"], bounds=(-1.0, 1.0))
    assert str(caught.value) == (
        "--epsilon=8/256: epsilon is in the units of the data, -1 to 1: write 0.0625; 8/256 of the "
        "range is 0.0625."
    )


@pytest.mark.parametrize("text", ["8/0", "/255", "8/", "1/2/3", "%", "a%", "./2"])
def test_what_only_looks_like_a_share_is_no_number(text) -> None:
    with pytest.raises(InputError, match="which is no number"):
        radii.read([text])


def test_radii_that_are_not_given_are_255ths_of_the_range() -> None:
    assert radii.resolved((0.00784, 0.0627), (-1, 1)) == (0.00784, 0.0627)
    np.testing.assert_allclose(radii.resolved(None, (0, 65535)), [257, 514, 1028, 2056])
    assert radii.resolved(None, None) == (1.0, 2.0, 4.0, 8.0)
    assert radii.grey_level((-1, 1)) == 2 / 255


def test_radii_in_words_have_their_unit() -> None:
    assert radii.in_words((1.0, 8.0), None) == "1, 8 grey levels"
    told = radii.in_words((0.01, 0.02), (-1, 1))
    assert told == "0.01, 0.02 (0.5 %, 1 % of the range -1..1)"
