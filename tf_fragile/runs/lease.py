"""A lease: a file that says who works on something, for as long as it is touched now and then.

One holder at a time, on one machine or on many that share a file system. A holder that dies is
known dead on its own machine at once; elsewhere its lease expires. Times are compared as the file
system tells them, so that clocks of machines need not agree. All changes of who holds a lease are
made by the one process that could create the file named after the lease's present token, so that
two that find it expired never both take it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import is_alive, read_bytes, write_bytes

EXPIRY, BEAT = 60.0, 5.0  # seconds
_PAUSE = 0.05  # before asking again for a lease that is changing hands


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    Attributes:
      token: of this lease, random.
      host: name of the machine.
      pid: of the process there.
      machine: the machine's present boot and the namespace of `pid`; empty where unknown.
      born: when the process started, as its machine counts; empty where unknown.
      since: UTC, ISO 8601, by the holder's clock.
    """

    token: str
    host: str
    pid: int
    machine: str
    born: str
    since: str

    @classmethod
    def this_process(cls) -> Holder:
        """A new lease's holder."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        token, pid = uuid.uuid4().hex, os.getpid()
        return cls(token, socket.gethostname(), pid, _machine(), _born(pid), now)

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended; of other machines nothing is known."""
        if self.host != socket.gethostname() or self.machine != _machine():
            return False
        return not is_alive(self.pid) or (bool(self.born) and _born(self.pid) != self.born)


class HeldError(InputError):
    """Another process holds the lease.

    Attributes:
      holder: which, in words.
    """

    def __init__(self, sentence: str, holder: str) -> None:
        super().__init__(sentence)
        self.holder = holder


class Lease:
    """A context in which this process alone works on what `path` stands for.

    Between `check` and a write that follows it a process can be stopped for longer than `expiry`;
    what it then writes must be what another would write there.

    Attributes:
      path: the lease file.
      holder: this process; `None` outside the context.
    """

    def __init__(self, path: Path | str, *, expiry: float = EXPIRY, beat: float = BEAT) -> None:
        """A lease that is not yet taken.

        Args:
          path: the file; its directory must exist.
          expiry: seconds without a touch after which others may take it over.
          beat: seconds between touches.
        """
        self.path = Path(path)
        self.holder: Holder | None = None
        self._expiry, self._beat = expiry, beat
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None

    def __enter__(self) -> Lease:
        """Takes the lease.

        Raises:
          HeldError: another process holds it.
          InputError: the file cannot be written.
        """
        self.holder = Holder.this_process()
        content = json.dumps(asdict(self.holder), indent=2).encode() + b"\n"
        while not _create(self.path, content) and not self._take_over(content):
            time.sleep(_PAUSE)
        self._ended.clear()
        self._heart = threading.Thread(target=self._touch, name=f"lease {self.path}", daemon=True)
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives the lease back, unless another process has it by now."""
        self._ended.set()
        if self._heart is not None:
            self._heart.join()
        holder, self.holder = self.holder, None
        if holder is None:
            return
        # A lease that stays, as in a directory deleted meanwhile, is that of a process gone.
        with (
            suppress(OSError, InputError),
            _alone(self.path, holder.token, self._expiry) as alone,
        ):
            if alone and _read(self.path) == holder:
                self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """Makes sure that the lease is still held; to be called before each write.

        Raises:
          InputError: it was taken over, as after this process was suspended, or is not there.
        """
        now = _read(self.path)
        if self.holder is not None and now == self.holder:
            return
        taker = "is gone" if now is None else f"was taken over by {_in_words(now)}"
        raise InputError(
            f"The lease {self.path} {taker}, so this process writes nothing more there; what is "
            "written is kept, run the same command again when no other process works there."
        )

    def _take_over(self, content: bytes) -> bool:
        """Puts this process's lease in the place of one whose holder is gone or silent.

        Returns:
          Whether it is there; not where the lease changed meanwhile, so that it may be free.

        Raises:
          HeldError: its holder is neither.
        """
        held, silent = _read(self.path), _age(self.path)
        if silent is None:  # given back since
            return False
        gone = held is not None and held.is_gone
        if not gone and silent <= self._expiry:
            who = "another process" if held is None else _in_words(held)
            raise HeldError(_refusal(self.path, who, silent, self._expiry), who)
        with _alone(self.path, held.token if held else "unread", self._expiry) as alone:
            still = _age(self.path)
            if not alone or _read(self.path) != held or still is None:
                return False
            if not gone and still <= self._expiry:
                return False
            write_bytes(self.path, content)
            return True

    def _touch(self) -> None:
        while not self._ended.wait(self._beat):
            try:
                if _read(self.path) != self.holder:
                    return  # the next `check` says so
                os.utime(self.path)  # by the clock of the file system
            except OSError:
                continue  # a file system that is away for a while; the lease may expire


@contextmanager
def _alone(path: Path, token: str, expiry: float) -> Iterator[bool]:
    """Whether this process is the one that may change the lease with this token."""
    marker = path.with_name(f".{path.name}.{token}.partial")
    age = _age(marker)
    if age is not None and age > expiry:  # its maker died in between
        marker.unlink(missing_ok=True)
    if not _create(marker, b""):
        yield False
        return
    try:
        yield True
    finally:
        marker.unlink(missing_ok=True)


def _create(path: Path, content: bytes) -> bool:
    """Makes a file that is not there yet; `False` if it is."""
    try:
        with open(path, "xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise InputError(
            f"The lease {path} could not be written ({error.strerror or error}); mend this or "
            "choose another directory, what is already written is kept."
        ) from error
    return True


def _read(path: Path) -> Holder | None:
    """Who holds a lease; `None` if nobody does, or the file is still being written or damaged."""
    try:
        said = json.loads(read_bytes(path))
        holder = Holder(**{field.name: said[field.name] for field in fields(Holder)})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = (holder.token, holder.host, holder.machine, holder.born, holder.since)
    sound = all(isinstance(text, str) for text in texts) and type(holder.pid) is int
    return holder if sound and holder.token.isalnum() else None


def _age(path: Path) -> float | None:
    """Seconds since a file was touched, both times told by its file system; `None` if not there."""
    probe = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{os.getpid()}.partial")
    try:
        touched = path.stat().st_mtime
        probe.touch()
        return probe.stat().st_mtime - touched
    except FileNotFoundError:
        return None
    finally:
        probe.unlink(missing_ok=True)


def _in_words(holder: Holder) -> str:
    return f"process {holder.pid} on {holder.host} since {holder.since}"


def _refusal(path: Path, who: str, silent: float, expiry: float) -> str:
    return (
        f"{path.parent} is being worked on by {who}, last seen {max(silent, 0):.0f} s ago; wait "
        f"until it ends, or choose another --out; if it is gone, run again in "
        f"{max(expiry - silent, 0) + 1:.0f} s, when its lease {path.name} may be taken over."
    )


def _machine() -> str:
    """This boot of this machine, and in it the space in which process numbers mean something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _born(pid: int) -> str:
    """When a process started, in ticks since the boot; empty where that is not told.

    One that has ended, but whose parent did not ask for its exit code yet, is no process any more.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    state, *rest = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]
