"""What people write on the command line."""

from __future__ import annotations

import pytest

from tf_fragile.audit import given
from tf_fragile.errors import InputError


def test_a_home_directory_is_expanded(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/ada")
    assert given.path("~/m.keras") == "/ada/m.keras"
    assert given.path("embedded") == "embedded"
    assert given.path(None) is None
    assert given.directory("~/out") == "/ada/out"


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_run_directory_is_refused(text) -> None:
    with pytest.raises(InputError) as caught:
        given.directory(text)
    assert str(caught.value) == (
        "--out is empty; name a directory for the run, as in --out=out/audit."
    )


def test_radii_are_numbers() -> None:
    assert given.radii(["1", " 2.5", "1e1"]) == (1.0, 2.5, 10.0)
    with pytest.raises(InputError, match=r"--epsilon has 'a lot', which is no number; write --eps"):
        given.radii(["1", "a lot"])


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
        given.radii(["2", text])
    text = text.strip()
    assert str(caught.value) == (
        f"--epsilon={text}: epsilon is in grey levels: write {number}; {text} of the range is "
        f"{named}."
    )
    assert given.radii([number]) == (float(number),)  # the remedy


def test_with_bounds_a_share_is_answered_in_their_units() -> None:
    with pytest.raises(InputError) as caught:
        given.radii(["8/256"], bounds=(-1.0, 1.0))
    assert str(caught.value) == (
        "--epsilon=8/256: epsilon is in the units of the data, -1 to 1: write 0.0625; 8/256 of the "
        "range is 0.0625."
    )


@pytest.mark.parametrize("text", ["8/0", "/255", "8/", "1/2/3", "%", "a%", "./2"])
def test_what_only_looks_like_a_share_is_no_number(text) -> None:
    with pytest.raises(InputError, match="which is no number"):
        given.radii([text])


def test_a_size_is_height_and_width() -> None:
    assert given.image_size("224x160") == (224, 160)
    assert given.image_size(" 224 X 160") == (224, 160)
    assert given.image_size("96") == (96, 96)


@pytest.mark.parametrize("text", ["", "x", "224x", "0x4", "-3", "2.5x2", "1x2x3", "224,224"])
def test_what_is_no_size_is_refused(text) -> None:
    with pytest.raises(InputError) as caught:
        given.image_size(text)
    assert str(caught.value) == (
        f"--image_size={text} is no size; write height x width, as in --image_size=224x224."
    )
