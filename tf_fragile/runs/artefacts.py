"""Artefacts: what tasks share, as patterns or trained nets. Built once under a key, then read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tf_fragile.errors import InputError, readable
from tf_fragile.runs.atomic import FORBIDDEN, FULL, read_bytes, sync_directory
from tf_fragile.runs.lease import HeldError, Lease
from tf_fragile.runs.shards import bar_over
from tf_fragile.runs.tasks import Progress, Work

SEAL = "artefact.json"
"""In each artefact's directory: what it is, how large, and the digest of its files."""
_KEY = re.compile(r"[a-z][a-z0-9_]*-[0-9a-f]{32}")
_POLL = 0.2  # seconds between two looks at what another process builds
_CHUNK = 1 << 20


class Artefact(Protocol):
    """Something that tasks share: patterns, trained nets, factors. Built once, then only read."""

    @property
    def name(self) -> str:
        """What it is, for people: `patterns from 256 images`."""
        ...

    @property
    def key(self) -> str:
        """Its name in the cache: its kind and a hash of all that made it, see `key_of`."""
        ...

    @property
    def work(self) -> Work:
        """What building it costs; its ticks are those of the bar."""
        ...

    @property
    def size(self) -> int:
        """Bytes on disk, about."""
        ...

    def build(self, directory: Path, progress: Progress | None = None) -> None:
        """Writes its files into an empty directory, which gets its name when they are whole.

        Files are equal to the byte whenever the key is; `progress` is told the ticks done.
        """
        ...


def key_of(kind: str, made_of: Mapping[str, Any]) -> str:
    """The key of an artefact.

    Args:
      kind: what it is, one word of small letters, for people who look into the cache.
      made_of: everything that decides its bytes, as JSON values: settings, seed, digests of model
        and data, versions, device.
    """
    text = json.dumps(dict(made_of), sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


@dataclass(frozen=True)
class Store:
    """Artefacts on disk, shared by all runs of a user; a directory each.

    Attributes:
      directory: the cache; made when something is built.
    """

    directory: Path

    def path(self, key: str) -> Path:
        """The directory of a built artefact.

        Raises:
          LookupError: it is not built. A task never builds: its probe names all that it reads.
        """
        place = self._place(key)
        if not (place / SEAL).is_file():
            raise LookupError(
                f"no artefact {key} in {self.directory}: a task reads only what its probe's "
                "artefacts() name, and what `build` has built"
            )
        return place

    def size_of(self, key: str) -> int | None:
        """Bytes of an intact artefact; `None` where it is missing or not what its seal says."""
        place = self._place(key)
        try:
            seal = json.loads(read_bytes(place / SEAL))
            files = _files(place)
            size = sum(path.stat().st_size for path in files)
            intact = (seal["size"], seal["digest"]) == (size, _digest(place, files))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return size if intact else None

    def missing(self, artefacts: Sequence[Artefact]) -> tuple[Artefact, ...]:
        """Those of `artefacts` that have to be built, one a key."""
        by_key = {artefact.key: artefact for artefact in artefacts}
        return tuple(one for key, one in by_key.items() if self.size_of(key) is None)

    def build(self, artefacts: Sequence[Artefact], *, progress: bool = True) -> None:
        """Builds what is missing or damaged of `artefacts`.

        Each appears under its key in one step. What another process is building is waited for, and
        what killed processes left half-built is removed.

        Args:
          artefacts: what has to be there.
          progress: whether to draw bars on standard error.

        Raises:
          InputError: the cache can't be written or is full; or what an artefact's `build` raises.
        """
        missing = self.missing(artefacts)
        if not missing:
            return
        with self._writing():
            self.directory.mkdir(parents=True, exist_ok=True)
            proof = self.directory / f".proof.{os.getpid()}.partial"
            proof.touch()
            proof.unlink()
        self._remove_leftovers()
        for artefact in missing:
            with self._alone(artefact, progress) as lease:
                if self.size_of(artefact.key) is None:
                    self._build(artefact, lease, progress)

    def _build(self, artefact: Artefact, lease: Lease, progress: bool) -> None:
        key = artefact.key
        half = self.directory / f".{key}.{os.getpid()}.partial"
        self._remove(key)
        total = artefact.work.ticks
        try:
            with self._writing():
                half.mkdir()
                with bar_over(total, "step", progress and total > 0, what=artefact.name) as bar:
                    artefact.build(half, bar.update)
                files = _files(half)
                if not files:
                    raise RuntimeError(f"{artefact.name} ({key}) wrote no file")
                for path in files:
                    _sync(path)
                size = sum(path.stat().st_size for path in files)
                said = {"name": artefact.name, "size": size, "digest": _digest(half, files)}
                (half / SEAL).write_text(json.dumps(said, indent=2) + "\n", "utf-8")
                _sync(half / SEAL)
                lease.check()
                damaged = self.directory / f".{key}.damaged.partial"
                if self._place(key).exists():
                    os.replace(self._place(key), damaged)
                os.replace(half, self._place(key))
                sync_directory(self.directory)
        finally:
            self._remove(key)

    @contextmanager
    def _alone(self, artefact: Artefact, progress: bool) -> Iterator[Lease]:
        """A context in which no other process builds this artefact; waits for one that does."""
        told = ""
        with ExitStack() as stack:
            while True:
                try:
                    lease = stack.enter_context(Lease(self._lease(artefact.key)))
                    break
                except HeldError as error:
                    if progress and told != error.holder:
                        told = error.holder
                        sys.stderr.write(f"{artefact.name}: waiting for {told}\n")
                    time.sleep(_POLL)
            yield lease

    def _remove_leftovers(self) -> None:
        """Removes what processes left that were killed while they built something."""
        for path in self.directory.glob("*.lease"):
            # Who builds there now is left alone; without a lease nobody has half of anything.
            with suppress(HeldError), Lease(path):
                self._remove(path.name.removesuffix(".lease"))

    def _remove(self, key: str) -> None:
        """Removes half-built directories of a key whose lease is held."""
        for half in self.directory.glob(f".{key}.*.partial"):
            if half.is_dir():
                shutil.rmtree(half, ignore_errors=True)

    def _place(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of an artefact; make it with key_of")
        return self.directory / key

    def _lease(self, key: str) -> Path:
        return self.directory / f"{self._place(key).name}.lease"

    def _is_inside(self, path: Any) -> bool:
        """Whether a path that an error names is in the cache; data of others may be forbidden."""
        return isinstance(path, str) and Path(path).is_relative_to(self.directory)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A context in which faults of the place are sentences; others are left as they are."""
        try:
            yield
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(
                f"The cache {readable(self.directory)} is no directory; name another one by "
                "--cache=DIR."
            ) from error
        except OSError as error:
            if error.errno in FULL:
                raise InputError(
                    f"No space is left in the cache {readable(self.directory)}; free some, or name "
                    "another one by --cache=DIR, and run the same command again."
                ) from error
            if error.errno in FORBIDDEN and self._is_inside(error.filename):
                raise InputError(
                    f"The cache {readable(self.directory)} can't be written; make it writable, or "
                    "name another one by --cache=DIR."
                ) from error
            raise


def planned(store: Store, artefacts: Sequence[Artefact]) -> Work:
    """What it takes before the first task, and a line an artefact: what is there, what is built."""
    work = Work()
    for key, artefact in {artefact.key: artefact for artefact in artefacts}.items():
        size, where = store.size_of(key), readable(store.directory)
        if size is not None:
            work += Work(lines=(f"{artefact.name}: in {where}, {in_bytes(size)}",))
            continue
        cost, kept = artefact.work, f"kept in {where}, about {in_bytes(artefact.size)}"
        line = f"{artefact.name}: built first, about {cost.forwards:,.0f} forward passes; {kept}"
        work += Work(cost.forwards, builds=cost.builds, lines=(line,))
    return work


def in_bytes(size: float) -> str:
    """A size on disk in words: `1.2 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def _files(place: Path) -> list[Path]:
    """All files of an artefact but its seal, in order."""
    return sorted(p for p in place.rglob("*") if p.is_file() and p != place / SEAL)


def _digest(place: Path, files: Sequence[Path]) -> str:
    sha = hashlib.sha256()
    for path in files:
        sha.update(f"{path.relative_to(place).as_posix()} {path.stat().st_size}\n".encode())
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                sha.update(chunk)
    return sha.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
