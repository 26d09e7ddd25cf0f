"""What every probe promises, each promise a check that fails with a sentence.

def case() -> Case:  # at the top of a module: a process of its own calls it, too
    return Case(make_my_probe, tiny_model(), tiny_source(), MyView())

def test_mine() -> None:
    check_probe(case)
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tf_fragile.probes.contract import Probe
from tf_fragile.probes.running import doubt_rows
from tf_fragile.runs.artefacts import Store
from tf_fragile.runs.gallery import gallery_path, read_gallery, write_gallery
from tf_fragile.runs.identity import Origin
from tf_fragile.runs.records import (
    CONTROL,
    DOUBT,
    MEASURED,
    ROLES,
    make_records,
    part_path,
    read_records,
    write_records,
)
from tf_fragile.runs.tasks import Row, Task
from tf_fragile.signals import Terminated
from tf_fragile.testing.cases import Case, asked, files_of, findings_of, table_of
from tf_fragile.testing.interrupted import StoppedError, Trip, changes_watched, watched
from tf_fragile.testing.killed import check_killed
from tf_fragile.testing.same import demand, difference

_SIZE = 2  # samples a task, where the cut is not what is looked at


def check_probe(make_case: Callable[[], Case]) -> None:
    """Holds a probe, and the view of its records, to everything that probes promise.

    Args:
      make_case: a function at the top of a module, so that a process of its own can call it.

    Raises:
      AssertionError: a promise is broken; the sentence says which.
    """
    case = make_case()
    with tempfile.TemporaryDirectory() as place:
        store = Store(Path(place) / "cache")
        for check in (check_rows, check_work, check_pure, check_cut, check_restored):
            check(case, store)
        if case.view is not None:
            check_view(case, store, Path(place) / "view")
        check_cold_and_warm(case, Path(place) / "warmth")
        check_killed(make_case, Path(place) / "killed")


def check_rows(case: Case, store: Store) -> None:
    """Rows have the probe's columns and known roles, and are of the samples of their task."""
    probe = case.built(store)
    roles: set[str] = set()
    for task in probe.tasks(case.positions, _SIZE):
        table = make_records(probe(task).rows, probe.keys)
        roles |= set(table["role"])
        strangers = set(table["sample"]) - set(task.positions) - {-1}
        demand(not strangers, f"Task {task.number} has rows of sample {min(strangers, default=0)}.")
        of_all = table[table["sample"] == -1]
        demand(
            set(of_all["role"]) <= {DOUBT, CONTROL},
            f"Task {task.number} has rows of no sample that are neither doubts nor controls.",
        )
    demand(roles <= set(ROLES), "A row has an unknown role.")
    demand(MEASURED in roles, "No row is a measurement.")


def check_work(case: Case, store: Store) -> None:
    """Work is counted before it is done, and progress tells as many ticks as were counted."""
    probe = case.built(store)
    tasks = probe.tasks(case.positions, _SIZE)
    for task in tasks:
        ticks: list[int] = []
        probe(task, ticks.append)
        counted = probe.work([task]).ticks
        demand(bool(ticks), f"Task {task.number} tells no progress.")
        demand(
            sum(ticks) == counted,
            f"Task {task.number} tells {sum(ticks)} ticks, and {counted} were counted.",
        )
    whole, first = probe.work(tasks), probe.work(tasks[:1])
    demand(bool(whole.lines), "The work has no line for people.")
    demand(first.forwards > 0, "The work costs no forward passes.")
    demand(len(tasks) == 1 or whole.forwards > first.forwards, "More tasks cost no more.")


def check_pure(case: Case, store: Store) -> None:
    """A task gives the same rows again, whatever ran before it, and leaves the model alone."""
    probe = case.built(store)
    tasks = probe.tasks(case.positions, _SIZE)
    before = case.model.get_weights()
    first = {task.number: findings_of(probe, [task]) for task in tasks}
    for task in reversed(tasks):
        clause = difference(first[task.number], findings_of(probe, [task]), "what it gives")
        demand(not clause, f"Task {task.number} gives something else the second time: {clause}.")
    _demand_weights(before, case, "After its tasks")
    fresh = findings_of(case.built(store), tasks[-1:])
    clause = difference(first[tasks[-1].number], fresh, "what it gives")
    demand(not clause, f"A probe made anew gives something else: {clause}.")


def check_cut(case: Case, store: Store) -> None:
    """Tasks of one sample, of three and of all give equal rows; each sample is in all of them."""
    probe = case.built(store)
    tables: dict[int, pd.DataFrame] = {}
    for size in (len(case.positions), 3, 1):
        tasks = probe.tasks(case.positions, size)
        numbers = [task.number for task in tasks]
        demand(numbers == list(range(len(tasks))), f"Tasks are numbered {numbers}, not from 0.")
        planned = {position for task in tasks for position in task.positions}
        demand(planned == set(case.positions), f"Tasks of {size} leave samples out.")
        tables[size] = table_of(probe, tasks)
    whole = tables.pop(len(case.positions))
    for size, table in tables.items():
        clause = difference(whole.drop(columns="value"), table.drop(columns="value"), "the table")
        demand(not clause, f"Tasks of {size} have other rows than one of all: {clause}.")
        near = np.isclose(whole["value"], table["value"], case.rtol, case.atol, equal_nan=True)
        at = int(np.argmin(near))
        demand(
            bool(near.all()),
            f"Tasks of {size} have other values than one of all, as {table['metric'][at]!r} of "
            f"sample {table['sample'][at]}: {table['value'][at]!r} for {whole['value'][at]!r}.",
        )


def check_restored(case: Case, store: Store) -> None:
    """Stopped in the middle, a task leaves the model's weights as they were, to the bit.

    It is stopped by an error, Ctrl-C and SIGTERM, each where it reads its data, where it tells
    progress (half way and at the last time), and after the first change of a weight.
    """
    read, tick, change = Trip(), Trip(), Trip()
    probe = case.seen_through(watched(case.source, read)).built(store)
    task = probe.tasks(case.positions, len(case.positions))[0]
    before = case.model.get_weights()

    def done() -> pd.DataFrame:
        return make_records(probe(task, tick).rows, probe.keys)

    with changes_watched(case.model, change):
        for trip in (read, tick, change):
            trip.armed(None)
        expected = done()
        _demand_weights(before, case, "After a task")
        demand(tick.passed > 0, "A task tells no progress.")
        moments = [("where it reads its data", read, 1)] if read.passed else []
        moments += [
            (f"at tick {at} of {tick.passed}", tick, at)
            for at in sorted({(tick.passed + 1) // 2, tick.passed})
        ]
        moments += [("after it changed a weight", change, 1)] if change.passed else []
        for where, trip, at in moments:
            for error in (StoppedError, KeyboardInterrupt, Terminated):
                trip.armed(at, error)
                _stopped(probe, task, tick, error, where)
                trip.armed(None)
                _demand_weights(before, case, f"Stopped {where} by {error.__name__}")
        clause = difference(expected, done(), "the table")
        demand(not clause, f"After it was stopped, the same task gives something else: {clause}.")


def _stopped(probe: Probe, task: Task, tick: Trip, error: type[BaseException], where: str) -> None:
    try:
        probe(task, tick)
    except KeyboardInterrupt as raised:
        demand(isinstance(raised, error), f"Stopped {where}, {error.__name__} became another one.")
    except Exception as raised:
        # What an error becomes is the probe's affair; a signal has to end the command.
        demand(
            issubclass(error, Exception),
            f"Stopped {where} by {error.__name__}, it ends by {type(raised).__name__}.",
        )
    else:
        raise AssertionError(f"Stopped {where} by {error.__name__}, a task goes on.")


def check_view(case: Case, store: Store, directory: Path) -> None:
    """Of records that were written and read again a view says what it says of fresh ones.

    Args:
      case: with a view.
      store: of its artefacts.
      directory: where records are written.
    """
    view = case.view
    assert view is not None
    probe = case.built(store)
    demand(view.name == probe.name, f"The view of {probe.name} is that of {view.name}.")
    tasks = probe.tasks(case.positions, _SIZE)
    doubts = doubt_rows({"testing": "this is a test"})
    rows: list[Row] = [*doubts]
    pictures: dict[str, np.ndarray] = {}
    for task in tasks:
        found = probe(task)
        rows += found.rows
        pictures.update(found.pictures)
        own = [*doubts, *found.rows] if task.number == 0 else found.rows
        _write(directory, probe, task, make_records(own, probe.keys))
        path = gallery_path(directory, probe.name, task.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_gallery(path, found.pictures, Origin("testing", task.positions, task.part))
    fresh, again = make_records(rows, probe.keys), read_records(directory, probe.name)
    read = read_gallery(directory, probe.name)
    first, second = view.summary(fresh), view.summary(again)
    said = view.verdicts(fresh, first), view.verdicts(again, second)
    told, told_again = ([view.sentence(one) for one in verdicts] for verdicts in said)
    shown = view.sections(fresh, first, pictures), view.sections(again, second, read)
    for what, before, after in (
        ("records", fresh, again),
        ("summary", first, second),
        ("verdicts", list(said[0]), list(said[1])),
        ("sentences", told, told_again),
        ("sections", list(shown[0]), list(shown[1])),
    ):
        clause = difference(before, after, what)
        demand(not clause, f"The {what} of records that were read again are other ones: {clause}.")
    demand(
        {verdict.probe for verdict in said[0]} <= {probe.name},
        f"A verdict of {probe.name} is that of another probe.",
    )


def check_cold_and_warm(case: Case, directory: Path) -> None:
    """A run is the same bytes with an empty cache as with a full one, and so are artefacts.

    A probe without artefacts is run twice for it, and nothing more.
    """
    stores = [Store(directory / name) for name in ("cache", "other_cache")]
    shares = bool(case.make(case.model, case.source, stores[0]).artefacts())
    runs = []
    for number, store in enumerate((stores[0], stores[0], stores[1])[: 2 + shares]):
        place = directory / f"run_{number}"
        asked(case, case.make(case.model, case.source, store), place, store, _SIZE)
        runs.append(files_of(place))
    for told, run in zip(
        ("The same run again", "A run with another cache"), runs[1:], strict=False
    ):
        demand(not _other(runs[0], run), f"{told} gives another {_other(runs[0], run)}.")
    built = [files_of(store.directory) if store.directory.exists() else {} for store in stores]
    demand(
        not _other(*built), f"Built twice, the artefact has another {_other(*built)}: other bytes."
    )


def _other(first: dict[str, bytes], second: dict[str, bytes]) -> str:
    """The first file that differs; empty where none does."""
    names = sorted(first.keys() | second.keys())
    return next((name for name in names if first.get(name) != second.get(name)), "")


def _demand_weights(before: list[np.ndarray], case: Case, when: str) -> None:
    clause = difference(before, case.model.get_weights(), "the list of weights")
    demand(not clause, f"{when} the model is not as it was: {clause}.")


def _write(directory: Path, probe: Probe, task: Task, records: pd.DataFrame) -> None:
    path = part_path(directory, probe.name, task.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_records(path, records, Origin("testing", task.positions, task.part), probe.keys)
