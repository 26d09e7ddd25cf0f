"""Where the cache is: a directory given, the platform's, or a place that is written to anyway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs import cache
from tf_fragile.runs.cache import cache_directory, platform_directory


def home() -> Path:
    return Path("/people/somebody")


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "/people/somebody/.cache/tf_fragile"),
        ("linux", {"XDG_CACHE_HOME": "/fast"}, "/fast/tf_fragile"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/people/somebody/.cache/tf_fragile"),
        ("linux", {"XDG_CACHE_HOME": ""}, "/people/somebody/.cache/tf_fragile"),
        ("darwin", {"XDG_CACHE_HOME": "/fast"}, "/people/somebody/Library/Caches/tf_fragile"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/tf_fragile"),
        ("win32", {}, "/people/somebody/AppData/Local/tf_fragile"),
    ],
)
def test_it_is_where_programs_of_the_platform_keep_theirs(
    platform: str, environ: dict[str, str], expected: str
) -> None:
    assert platform_directory(environ, platform, home) == Path(expected)


def test_who_has_no_home_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert platform_directory({}, "linux", homeless) is None
    monkeypatch.setattr(cache, "platform_directory", lambda: None)
    assert cache_directory(None, tmp_path / "out" / "cache") == tmp_path / "out" / "cache"


@pytest.mark.parametrize("home", ["file", "file/home"])
def test_a_home_that_takes_nothing_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(cache, "platform_directory", lambda: tmp_path / home)
    assert cache_directory(None, tmp_path / "cache") == tmp_path / "cache"


def test_nothing_is_made_before_something_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setattr("sys.platform", "linux")
    own = tmp_path / "user" / "tf_fragile"
    assert cache_directory(None, tmp_path / "out") == own
    assert cache_directory(str(tmp_path / "chosen" / "cache"), "out").name == "cache"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "file/cache"):
        with pytest.raises(InputError) as caught:
            cache_directory(str(tmp_path / name), "out")
        assert str(caught.value) == (
            f"--cache={tmp_path / name} is no directory and can't be made one; name another."
        )


def test_a_place_that_can_only_be_read_is_refused_unless_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert cache_directory(str(tmp_path), "out") == tmp_path
    with pytest.raises(InputError, match="can't be made one"):
        cache_directory(str(tmp_path / "new"), "out")


def test_no_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"--cache is empty; name a directory, as in --cache=cach"):
        cache_directory(" ", "out")
