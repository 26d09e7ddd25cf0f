"""What tasks share is built once, whole or not at all, and noticed when it is damaged."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs.artefacts import SEAL, Store, in_bytes, key_of, planned
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.tasks import Progress, Work

KEY = key_of("toy", {"seed": 0})
WORK = Work(forwards=1234.0, ticks=2, builds=1)


@dataclass(frozen=True)
class Toy:
    """Two files; what happens in between is the test's."""

    key: str = KEY
    content: bytes = b"0123456789"
    name: str = "toy numbers"
    work: Work = WORK
    size: int = 2_500_000
    meanwhile: Callable[[], object] = lambda: None
    built: list[str] = field(default_factory=list)

    def build(self, directory: Path, progress: Progress | None = None) -> None:
        assert list(directory.iterdir()) == []
        (directory / "first").write_bytes(self.content)
        self.meanwhile()
        (directory / "inner").mkdir()
        (directory / "inner" / "second").write_bytes(self.content[::-1])
        self.built.append(self.key)
        if progress is not None:
            progress(2)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "new" / "cache")


def build(store: Store, *toys: Toy) -> None:
    store.build(toys, progress=False)


def test_it_is_built_once_and_then_read(store: Store) -> None:
    toy = Toy()
    build(store, toy)
    build(store, toy, toy)
    assert toy.built == [KEY]
    place = store.path(KEY)
    assert (place / "first").read_bytes() == b"0123456789"
    assert (place / "inner" / "second").read_bytes() == b"9876543210"
    assert store.size_of(KEY) == 20
    assert os.listdir(store.directory) == [KEY]


def test_a_key_is_of_all_that_made_it(store: Store) -> None:
    assert key_of("toy", {"a": 1, "b": (1, 2)}) == key_of("toy", {"b": [1, 2], "a": 1})
    others = {key_of("toy", {"a": 1}), key_of("toy", {"a": 2}), key_of("net", {"a": 1})}
    assert len(others) == 3
    with pytest.raises(TypeError):
        key_of("toy", {"a": object()})
    for key in ("../toy", "toy", KEY + "/..", ""):
        with pytest.raises(ValueError, match="is no key of an artefact; make it with key_of"):
            store.path(key)


def test_what_was_never_built_is_a_fault_of_whoever_asks(store: Store) -> None:
    with pytest.raises(LookupError, match="reads only what its probe's artefacts"):
        store.path(KEY)
    assert not store.directory.exists()


@pytest.mark.parametrize("damage", ["changed", "truncated", "lost", "added", "no seal", "bad seal"])
def test_a_damaged_one_is_noticed_and_built_again(store: Store, damage: str) -> None:
    build(store, Toy())
    place = store.path(KEY)
    if damage == "changed":
        (place / "first").write_bytes(b"0123456780")
    if damage == "truncated":
        (place / "inner" / "second").write_bytes(b"98765")
    if damage == "lost":
        (place / "first").unlink()
    if damage == "added":
        (place / "third").touch()
    if damage == "no seal":
        (place / SEAL).unlink()
    if damage == "bad seal":
        (place / SEAL).write_text("[]")
    assert store.size_of(KEY) is None
    again = Toy()
    build(store, again)
    assert again.built == [KEY] and store.size_of(KEY) == 20
    assert os.listdir(store.directory) == [KEY]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, InputError])
def test_a_build_that_fails_leaves_nothing(store: Store, error: type[BaseException]) -> None:
    def fail() -> None:
        raise error("here")

    with pytest.raises(error, match="here"):
        build(store, Toy(meanwhile=fail))
    assert os.listdir(store.directory) == []
    build(store, Toy())
    assert store.size_of(KEY) == 20


def test_a_build_that_writes_nothing_is_a_fault(store: Store) -> None:
    class Empty(Toy):
        def build(self, directory: Path, progress: Progress | None = None) -> None:
            pass

    with pytest.raises(RuntimeError, match=r"toy numbers .* wrote no file"):
        build(store, Empty())


def test_two_that_want_it_build_it_once(store: Store, capsys: pytest.CaptureFixture) -> None:
    begun, go = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert go.wait(20)

    first, second = Toy(meanwhile=wait), Toy()
    one = threading.Thread(target=build, args=(store, first))
    one.start()
    assert begun.wait(20)
    other = threading.Thread(target=store.build, args=([second],), kwargs={"progress": True})
    other.start()
    while "waiting" not in (said := capsys.readouterr().err):
        assert other.is_alive()
        time.sleep(0.01)
    go.set()
    one.join()
    other.join()
    assert first.built == [KEY] and second.built == []
    assert said.startswith(f"toy numbers: waiting for process {os.getpid()} on ")
    assert store.size_of(KEY) == 20


def test_what_a_killed_process_left_is_removed_and_built_again(store: Store) -> None:
    program = f"""
        import time
        from pathlib import Path
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_artefacts import Toy, build
        from tf_fragile.runs.artefacts import Store

        def stall():
            print("half", flush=True)
            time.sleep(600)

        build(Store(Path({str(store.directory)!r})), Toy(meanwhile=stall))
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "half\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    left = set(os.listdir(store.directory))
    assert left == {f"{KEY}.lease", f".{KEY}.{child.pid}.partial"}
    assert store.size_of(KEY) is None
    # Whatever is built next clears up, that of another key, too.
    other = Toy(key=key_of("toy", {"seed": 1}))
    build(store, other)
    assert os.listdir(store.directory) == [other.key]
    build(store, Toy())
    assert store.size_of(KEY) == 20


def test_what_another_process_is_building_is_no_leftover(store: Store) -> None:
    build(store, Toy())
    other = key_of("toy", {"seed": 1})
    half = store.directory / f".{other}.77.partial"
    half.mkdir()
    with Lease(store.directory / f"{other}.lease"):
        build(store, Toy(key=key_of("toy", {"seed": 2})))
        assert half.is_dir()


def raising(number: int, *path: str) -> Callable[[], None]:
    def fail() -> None:
        raise OSError(number, os.strerror(number), *path)

    return fail


def test_a_full_disk_is_a_sentence(store: Store) -> None:
    with pytest.raises(InputError) as caught:
        build(store, Toy(meanwhile=raising(errno.ENOSPC)))
    assert str(caught.value) == (
        f"No space is left in the cache {store.directory}; free some, or name another one by "
        "--cache=DIR, and run the same command again."
    )
    assert os.listdir(store.directory) == []


def test_a_cache_that_cannot_be_written_is_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError) as caught:
        build(store, Toy(meanwhile=raising(errno.EACCES, str(store.directory / "x"))))
    assert str(caught.value) == (
        f"The cache {store.directory} can't be written; make it writable, or name another one by "
        "--cache=DIR."
    )
    monkeypatch.setattr(Path, "touch", lambda path: raising(errno.EROFS, str(path))())
    with pytest.raises(InputError, match="can't be written"):
        build(store, Toy())


def test_one_that_is_there_is_read_where_nothing_can_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, Toy())
    monkeypatch.setattr(Path, "mkdir", lambda *a, **k: raising(errno.EROFS)())
    build(store, Toy())
    assert store.path(KEY).is_dir()


def test_files_of_others_that_cannot_be_read_are_no_fault_of_the_cache(store: Store) -> None:
    with pytest.raises(PermissionError):
        build(store, Toy(meanwhile=raising(errno.EACCES, "/elsewhere/data")))


def test_a_file_in_the_way_of_the_cache_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "file/cache"):
        with pytest.raises(
            InputError, match=r"file.* is no directory; name another one by --cache"
        ):
            build(Store(tmp_path / name), Toy())


def test_the_plan_says_what_is_there_and_what_is_built(store: Store) -> None:
    other = Toy(key=key_of("toy", {"seed": 1}), name="other numbers")
    build(store, Toy())
    work = planned(store, [Toy(), other, other])
    assert (work.forwards, work.builds) == (1234.0, 1)
    assert work.lines == (
        f"toy numbers: in {store.directory}, 20 bytes",
        "other numbers: built first, about 1,234 forward passes; kept in "
        f"{store.directory}, about 2.5 MB",
    )
    assert planned(store, []) == Work()


def test_a_plan_makes_nothing(store: Store) -> None:
    planned(store, [Toy()])
    assert not store.directory.exists()


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (25e6, "25 MB"), (3.2e12, "3,200.0 GB")],
)
def test_sizes_in_words(size: float, words: str) -> None:
    assert in_bytes(size) == words
