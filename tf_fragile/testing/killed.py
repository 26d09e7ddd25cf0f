"""Killing a process while it builds an artefact, and finishing its run in another one."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tf_fragile.probes.contract import Probe
from tf_fragile.runs.artefacts import Artefact, Store
from tf_fragile.runs.records import Keys
from tf_fragile.runs.tasks import Findings, Progress, Task, Work
from tf_fragile.testing.cases import Case, asked, files_of
from tf_fragile.testing.same import demand

_LONGEST = 300.0  # seconds that a process may take to begin a build
_POLL = 0.02


def check_killed(make_case: Callable[[], Case], directory: Path) -> None:
    """Killed while an artefact is built, a run is finished with the bytes of one left alone.

    A probe without artefacts is not run for it.

    Args:
      make_case: a function at the top of a module, so that a process of its own can call it.
      directory: where runs and caches are made.
    """
    case = make_case()
    there, store = directory / "killed", Store(directory / "cache")
    probe = case.make(case.model, case.source, store)
    if not probe.artefacts():
        return
    directory.mkdir(parents=True, exist_ok=True)
    _kill_while_building(make_case, there, store, directory / "building")
    left = [one.name for one in probe.artefacts() if not store.missing([one])]
    demand(not left, f"A killed process left {', '.join(left)} as if it were whole.")
    asked(case, probe, there, store)
    partial = sorted(path.name for path in store.directory.glob(".*.partial"))
    demand(not partial, f"What a killed process left half-built is there still: {partial}.")
    whole, other = directory / "whole", Store(directory / "other_cache")
    asked(case, case.make(case.model, case.source, other), whole, other)
    for before, after in ((whole, there), (other.directory, store.directory)):
        demand(
            files_of(before) == files_of(after),
            "A run that was killed while it built an artefact is finished with other bytes.",
        )


def _kill_while_building(
    make_case: Callable[[], Case], there: Path, store: Store, flag: Path
) -> None:
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    process = context.Process(target=_build, args=(make_case, there, store, flag), daemon=True)
    process.start()
    started = time.monotonic()
    while process.is_alive() and not flag.exists():
        if time.monotonic() - started > _LONGEST:
            break
        time.sleep(_POLL)
    built = flag.exists()
    process.kill()
    process.join()
    demand(
        built,
        "A process of its own built no artefact: it can't import the function that makes the case, "
        "or the case fails there.",
    )


def _build(make_case: Callable[[], Case], there: Path, store: Store, flag: Path) -> None:
    case = make_case()
    probe = case.make(case.model, case.source, store)
    stalling = tuple(_Stalling(artefact, flag) for artefact in probe.artefacts())
    # Its name and columns are those of an object, and a protocol's are those of a class.
    asked(case, cast(Probe, _With(probe, stalling)), there, store)


@dataclass(frozen=True, eq=False)
class _Stalling:
    """An artefact whose build ends with a wait: its files are there, and it has no name yet."""

    artefact: Artefact
    flag: Path

    @property
    def name(self) -> str:
        return self.artefact.name

    @property
    def key(self) -> str:
        return self.artefact.key

    @property
    def work(self) -> Work:
        return self.artefact.work

    @property
    def size(self) -> int:
        return self.artefact.size

    def build(self, directory: Path, progress: Progress | None = None) -> None:
        self.artefact.build(directory, progress)
        self.flag.touch()
        while True:
            time.sleep(1)


class _With:
    """A probe with other artefacts."""

    def __init__(self, probe: Probe, artefacts: Sequence[Artefact]) -> None:
        self.name, self.keys = probe.name, probe.keys
        self._probe, self._artefacts = probe, artefacts

    name: Any
    keys: Keys

    def artefacts(self) -> Sequence[Artefact]:
        return self._artefacts

    def tasks(self, positions: Sequence[int], size: int) -> Sequence[Task]:
        return self._probe.tasks(positions, size)

    def work(self, tasks: Sequence[Task]) -> Work:
        return self._probe.work(tasks)

    def __call__(self, task: Task, progress: Progress | None = None) -> Findings:
        return self._probe(task, progress)
