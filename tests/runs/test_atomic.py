from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import (
    make_directory,
    read_bytes,
    remove_leftovers,
    replacing,
    write_bytes,
    write_text,
)


def test_writes_and_replaces_the_whole_content(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "é1")
    write_text(tmp_path / "a.txt", "é2")
    assert (tmp_path / "a.txt").read_text("utf-8") == "é2"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_name_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with replacing(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"half"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_content_and_no_litter(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(error), replacing(path) as file:
        file.write(b"new")
        raise error
    assert path.read_text("utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_in_a_sentence_and_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    write_bytes(tmp_path / "kept.bin", b"kept")

    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    message = f"No space left in {tmp_path} for new.bin; what is already written there is kept"
    with pytest.raises(InputError, match=message):
        write_bytes(tmp_path / "new.bin", b"new")
    assert os.listdir(tmp_path) == ["kept.bin"]


def test_a_directory_that_refuses_files_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(InputError, match=f"{tmp_path} is not writable, so a.txt was not written"):
        write_text(tmp_path / "a.txt", "x")
    assert os.listdir(tmp_path) == []


def test_a_missing_directory_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.txt could not be written in .*No such file"):
        write_text(tmp_path / "missing" / "a.txt", "x")


def test_make_directory_refuses_a_name_that_a_file_has(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="a file is in the way"):
            make_directory(path)


def test_make_directory_refuses_a_directory_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(InputError, match=f"{tmp_path} is not writable"):
        make_directory(tmp_path)


def test_leftovers_of_killed_processes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    alive = f".b.parquet.{os.getppid()}.partial"
    for number in (
        ended.pid,
        os.getpid(),
    ):  # the number of a process that was killed may come again
        (tmp_path / f".a.parquet.{number}.partial").touch()
    for name in (alive, ".keep", "part.partial"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [alive, ".keep", "part.partial"]


def test_reading_does_not_wait_on_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is no file"):
        read_bytes(tmp_path / "pipe")
