"""What may stand where a data source is meant."""

from __future__ import annotations

import pytest

from tf_fragile.data.specs import understood
from tf_fragile.errors import InputError


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "embedded").mkdir()
    (tmp_path / "a.npz").touch()
    (tmp_path / "a:b").mkdir()
    (tmp_path / "cat.png").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("embedded", "embedded"),  # though there is a folder of that name
        ("embedded/train", "embedded/train"),
        ("tfds:mnist/test", "tfds:mnist/test"),
        ("folder:photos", "folder:photos"),
        ("folder:~/photos", "folder:{home}/photos"),
        ("npz:~/a.npz", "npz:{home}/a.npz"),
        ("npz:~/a.npz#x,y", "npz:{home}/a.npz#x,y"),
        ("photos", "folder:photos"),
        ("./photos/", "folder:./photos/"),
        ("~/photos", "folder:{home}/photos"),
        ("~", "folder:{home}"),
        ("a:b", "folder:a:b"),
        ("./embedded", "folder:./embedded"),
        ("a.npz", "npz:a.npz"),
        ("~/a.npz", "npz:{home}/a.npz"),
        ("a.npz#x,y", "npz:a.npz#x,y"),
        ("foldr:photos", "foldr:photos"),  # left to `open_source`, which knows the kinds
        ("embeded", "embeded"),
    ],
)
def test_a_path_gets_its_kind_and_its_home(home, spec, expected) -> None:
    assert understood(spec) == expected.format(home=home)


SPECS = "write folder:DIR, npz:FILE, tfds:NAME/SPLIT or embedded."


@pytest.mark.parametrize("spec", ["phot", "photos/none", "none.npz", "~nobody/x", ""])
def test_what_is_not_there_is_said(home, spec) -> None:
    with pytest.raises(InputError) as caught:
        understood(spec)
    assert str(caught.value) == f"--data={spec}: there is no such folder or file; {SPECS}"


def test_a_file_that_is_no_archive_is_said(home) -> None:
    with pytest.raises(InputError) as caught:
        understood("cat.png")
    assert str(caught.value) == (
        f"--data=cat.png is a file, but no .npz archive and no folder of images; {SPECS}"
    )
