"""Every check of probes is seen to fail on a probe that breaks its promise, and on no other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from toys import at_home_only, past_its_directory, sound, toy

from tf_fragile.runs.artefacts import Store
from tf_fragile.testing import Case, check_probe
from tf_fragile.testing import probes as promises
from tf_fragile.testing.killed import check_killed

Check = Callable[[Case, Store], None]
BROKEN: list[tuple[Check, str, str]] = [
    (promises.check_rows, "rows of strangers", "Task 0 has rows of sample 100."),
    (promises.check_rows, "rows of no sample", "Task 0 has rows of no sample that are neither"),
    (promises.check_rows, "measures nothing", "No row is a measurement."),
    (promises.check_work, "tells no progress", "Task 0 tells no progress."),
    (promises.check_work, "tells too little", "Task 0 tells 1 ticks, and 2 were counted."),
    (promises.check_work, "costs nothing", "The work costs no forward passes."),
    (promises.check_pure, "gives something else each time", "Task 2 gives something else the seco"),
    (
        promises.check_pure,
        "depends on what ran before",
        "Task 0 gives something else the second ti",
    ),
    (promises.check_pure, "changes another weight", "After its tasks the model is not as it was: "),
    (promises.check_cut, "depends on its cut", "Tasks of 3 have other values than one of all, as"),
    (promises.check_cut, "leaves samples out", "Tasks of 3 leave samples out."),
    (promises.check_cut, "numbers from one", "Tasks are numbered [1], not from 0."),
    (promises.check_restored, "never restores", "Stopped at tick 2 of 2 by StoppedError the model"),
    (promises.check_restored, "restores after signals only", "Stopped at tick 2 of 2 by StoppedEr"),
    (
        promises.check_restored,
        "restores after errors only",
        "Stopped at tick 2 of 2 by KeyboardInt",
    ),
    (
        promises.check_restored,
        "changes before it can restore",
        "Stopped after it changed a weight b",
    ),
    (promises.check_restored, "restores roughly", "After a task the model is not as it was"),
    (promises.check_restored, "goes on", "by StoppedError, a task goes on."),
    (promises.check_restored, "tells no progress", "A task tells no progress."),
]
ALL = list(dict.fromkeys(check for check, _, _ in BROKEN))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
def test_a_sound_probe_passes(check: Check, store: Store) -> None:
    check(toy(), store)


@pytest.mark.parametrize(("check", "fault", "said"), BROKEN)
def test_a_broken_promise_is_a_sentence(check: Check, fault: str, said: str, store: Store) -> None:
    with pytest.raises(AssertionError, match=re.escape(said)):
        check(toy(fault), store)


def test_an_error_may_become_another_one_and_a_signal_may_not(store: Store) -> None:
    def make_translating(kinds: type[BaseException]) -> Case:
        case = toy()

        def make(*arguments):
            probe = case.make(*arguments)

            class Translating(type(probe)):
                def __call__(self, task, progress=None):
                    try:
                        return super().__call__(task, progress)
                    except kinds as error:
                        raise ValueError("another one") from error

            return Translating(*arguments)

        return replace(case, make=make)

    promises.check_restored(make_translating(Exception), store)
    with pytest.raises(AssertionError, match="by KeyboardInterrupt, it ends by ValueError"):
        promises.check_restored(make_translating(BaseException), store)


def test_values_may_differ_between_cuts_as_far_as_is_said(store: Store) -> None:
    near = replace(toy("depends on its cut"), atol=4.5)
    promises.check_cut(near, store)
    with pytest.raises(AssertionError, match="Tasks of 1 have other values than one of all"):
        promises.check_cut(replace(near, atol=3.5), store)


@pytest.mark.parametrize("fault", ["summary", "verdicts", "sentences", "sections"])
def test_a_view_that_knows_more_than_records_is_noticed(
    fault: str, store: Store, tmp_path: Path
) -> None:
    case = toy(view="none of ours")
    promises.check_view(case, store, tmp_path / "fine")
    broken = toy(view=fault).view
    with pytest.raises(
        AssertionError, match=f"The {fault} of records that were read again are oth"
    ):
        promises.check_view(replace(case, view=broken), store, tmp_path / "broken")


def test_a_view_of_another_probe_is_noticed(store: Store, tmp_path: Path) -> None:
    class Other(type(toy().view)):
        name = "other"

    with pytest.raises(AssertionError, match="The view of toy is that of other"):
        promises.check_view(replace(toy(), view=Other()), store, tmp_path)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("bytes differ", "A run with another cache gives another records/toy/part-00000.parquet"),
        ("unread bytes differ", "Built twice, the artefact has another numbers-"),
    ],
)
def test_a_cache_that_decides_bytes_is_noticed(fault: str, said: str, tmp_path: Path) -> None:
    promises.check_cold_and_warm(toy(), tmp_path / "sound")
    with pytest.raises(AssertionError, match=re.escape(said)):
        promises.check_cold_and_warm(toy(fault), tmp_path / "broken")


@pytest.mark.slow
def test_a_sound_probe_passes_all_and_survives_being_killed() -> None:
    check_probe(sound)


@pytest.mark.slow
def test_an_artefact_that_writes_past_its_directory_is_noticed_when_it_is_killed(
    tmp_path: Path,
) -> None:
    with pytest.raises(AssertionError, match="is finished with other bytes"):
        check_killed(past_its_directory, tmp_path)


@pytest.mark.slow
def test_a_case_that_no_other_process_can_make_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="A process of its own built no artefact: it can't im"):
        check_killed(at_home_only, tmp_path)
