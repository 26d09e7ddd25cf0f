from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs import lease as leases
from tf_fragile.runs.lease import Holder, Lease


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lease.json"


def put(path: Path, *, seconds_ago: float = 0.0, **changes: object) -> Holder:
    """Somebody's lease, by default that of a process of another machine that is at work."""
    other = {"host": "elsewhere", "pid": 77, "token": "t0", "since": "2026-11-27T00:53:21+00:00"}
    holder = dataclasses.replace(Holder.this_process(), **other | changes)
    path.write_text(json.dumps(dataclasses.asdict(holder)))
    touched = time.time() - seconds_ago
    os.utime(path, (touched, touched))
    return holder


def test_it_is_there_while_it_is_held_and_says_who_holds_it(path: Path) -> None:
    with Lease(path) as lease:
        lease.check()
        said = json.loads(path.read_text("utf-8"))
        assert (said["pid"], said["host"]) == (os.getpid(), Holder.this_process().host)
        assert sorted(os.listdir(path.parent)) == ["lease.json"]
    assert os.listdir(path.parent) == []


def test_it_is_given_back_after_an_error(path: Path) -> None:
    with pytest.raises(RuntimeError), Lease(path):
        raise RuntimeError
    assert not path.exists()


def test_a_second_one_is_refused_by_host_pid_time_and_when_to_take_over(path: Path) -> None:
    put(path, seconds_ago=20)
    with pytest.raises(InputError) as caught, Lease(path):
        pass
    assert str(caught.value) == (
        f"{path.parent} is being worked on by process 77 on elsewhere since "
        "2026-11-27T00:53:21+00:00, last seen 20 s ago; wait until it ends, or choose another "
        "--out; if it is gone, run again in 41 s, when its lease lease.json may be taken over."
    )
    assert json.loads(path.read_text("utf-8"))["pid"] == 77


def test_this_process_is_refused_a_second_one_as_any_other(path: Path) -> None:
    with Lease(path), pytest.raises(InputError, match=f"process {os.getpid()} on"), Lease(path):
        pass


@pytest.mark.parametrize("of_a_later_process", [False, True])
def test_that_of_a_process_that_ended_on_this_machine_is_taken_at_once(
    path: Path, of_a_later_process: bool
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = dataclasses.asdict(Holder.this_process()) | {"token": "t1"}
    # The number of one that ended may be given to another process.
    changes = {"born": "1"} if of_a_later_process else {"pid": ended.pid}
    put(path, **here | changes)
    with Lease(path) as lease:
        lease.check()
        assert json.loads(path.read_text("utf-8"))["token"] != "t1"
    assert os.listdir(path.parent) == []


def test_a_killed_process_that_nobody_waited_for_holds_nothing(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    born = leases._born(child.pid)
    here = dataclasses.asdict(Holder.this_process())
    put(path, **here | {"pid": child.pid, "born": born})
    with pytest.raises(InputError, match=f"process {child.pid} on"), Lease(path):
        pass
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet waited for
    with Lease(path):
        pass
    child.wait()


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"machine": "before the last boot"}])
def test_of_processes_of_other_machines_nothing_is_known_before_expiry(path: Path, changes) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    put(path, **dataclasses.asdict(Holder.this_process()) | {"pid": ended.pid} | changes)
    with pytest.raises(InputError, match="is being worked on by process"), Lease(path):
        pass


def test_a_silent_one_is_taken_and_its_holder_notices(path: Path) -> None:
    with Lease(path, beat=100) as lease:
        os.utime(path, (time.time() - 61,) * 2)
        with Lease(path) as taker:
            taker.check()
            with pytest.raises(
                InputError, match=rf"was taken over by process {os.getpid()} on .* s"
            ):
                lease.check()
        assert not path.exists()
        with pytest.raises(
            InputError, match=r"lease\.json is gone, so this process writes nothing"
        ):
            lease.check()


def test_who_lost_it_does_not_take_it_from_the_next(path: Path) -> None:
    with Lease(path, beat=100):
        theirs = put(path)
    assert leases._read(path) == theirs


def test_times_are_those_of_the_file_system_whatever_this_clock_says(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path, seconds_ago=10)
    for wrong in (-1e6, 1e6):
        monkeypatch.setattr(time, "time", lambda wrong=wrong: wrong)
        with pytest.raises(InputError, match=r"last seen 1[0-9] s ago"), Lease(path):
            pass


def test_it_is_touched_while_it_is_held(path: Path) -> None:
    with Lease(path, beat=0.01):
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 10
        while path.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.stat().st_mtime > 0


def test_who_lost_it_does_not_keep_the_next_alive(path: Path) -> None:
    with Lease(path, beat=0.01) as lease:
        put(path, seconds_ago=30)
        assert lease._heart is not None
        lease._heart.join(10)
        assert path.stat().st_mtime < time.time() - 20


def test_a_holder_is_kept_by_its_touch_though_it_took_it_long_ago(path: Path) -> None:
    put(path, since="1999-01-01T00:00:00+00:00")
    with pytest.raises(InputError, match="since 1999"), Lease(path):
        pass


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{}", b"[]", b'{"token": "../x"}', b"[" * 99999]
)
def test_one_that_cannot_be_read_is_somebodys_until_it_expires(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match="is being worked on by another process, last seen 0"):
        Lease(path).__enter__()
    os.utime(path, (time.time() - 61,) * 2)
    with Lease(path) as lease:
        lease.check()


def test_of_many_that_find_it_expired_one_takes_it(path: Path) -> None:
    for _ in range(20):
        put(path, seconds_ago=100)
        taken, ready = [], threading.Barrier(6)

        def contend(taken=taken, ready=ready) -> None:
            lease = Lease(path)
            ready.wait()
            try:
                lease.__enter__()
            except InputError:
                return
            taken.append(lease)

        threads = [threading.Thread(target=contend) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
        taken[0].check()
        taken[0].__exit__(None, None, None)
        assert os.listdir(path.parent) == []


def test_a_takeover_that_was_killed_halfway_is_finished_by_the_next(path: Path) -> None:
    put(path, seconds_ago=100)
    marker = path.with_name(".lease.json.t0.partial")
    marker.touch()
    os.utime(marker, (time.time() - 100,) * 2)
    with Lease(path) as lease:
        lease.check()
    assert os.listdir(path.parent) == []


def test_a_directory_that_is_gone_is_a_sentence_and_no_obstacle_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with Lease(tmp_path / "run" / "lease.json") as lease:
        (tmp_path / "run" / "lease.json").unlink()
        (tmp_path / "run").rmdir()
        with pytest.raises(InputError, match="is gone"):
            lease.check()
    with pytest.raises(InputError, match=r"could not be written .No such file or directory"):
        Lease(tmp_path / "run" / "lease.json").__enter__()
