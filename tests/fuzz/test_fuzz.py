"""A few of the inputs of `make fuzz`, and the judge itself."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import pytest
from fuzzing.campaign import line_outcomes
from fuzzing.judge import ACCEPTED, EMPTY, HANG, RAW, REFUSED, SILENT, TOO_STRICT, UNNAMED, judged
from fuzzing.python_calls import Workbench, calls

from tf_fragile.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
LINES, CALLS = 100, 200


def test_command_lines_end_in_acceptance_or_a_sentence() -> None:
    found = list(line_outcomes(LINES, seed=7))
    assert [(o.verdict, o.what, o.detail) for o in found if o.is_fault] == []
    assert {ACCEPTED, REFUSED} == {o.verdict for o in found}


def test_python_calls_without_a_meaning_are_refused_by_name() -> None:
    bench = Workbench()
    found = [
        judged(call.what, call.run, InputError, call.names, call.means, 60.0)
        for call in calls(bench, CALLS, seed=7)
        if call.means is False
    ]
    assert [(o.verdict, o.what, o.detail) for o in found if o.is_fault] == []
    assert len(found) > CALLS / 3


def refuse() -> str:
    raise InputError("steps is 0; give more.")


def loop() -> str:
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("call", "means", "verdict"),
    [
        (lambda: "", True, ACCEPTED),
        (lambda: "", False, SILENT),
        (lambda: "a map that is not finite", None, EMPTY),
        (refuse, False, REFUSED),
        (refuse, None, REFUSED),
        (refuse, True, TOO_STRICT),
        (lambda: str(1 // 0), False, RAW),
        (loop, False, HANG),
    ],
)
def test_the_judge_tells_every_kind_of_outcome(call, means, verdict) -> None:
    assert judged("", call, InputError, ("steps",), means, 0.2).verdict == verdict


def test_a_sentence_has_to_name_the_setting() -> None:
    assert judged("", refuse, InputError, ("samples",), False, 1).verdict == UNNAMED


def test_the_same_seed_draws_the_same_calls() -> None:
    bench = Workbench()
    once, again = ([c.what for c in islice(calls(bench, 50, 3), 50)] for _ in range(2))
    # What has an address in its words is another object each time.
    assert [w.split("0x")[0] for w in once] == [w.split("0x")[0] for w in again]
