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
