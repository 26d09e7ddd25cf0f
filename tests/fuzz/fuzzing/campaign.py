"""All inputs, judged, and the table of what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import tensorflow as tf

from fuzzing.command_lines import Line, Reader, lines
from fuzzing.judge import ACCEPTED, FAULTS, REFUSED, Outcome, judged, told
from fuzzing.python_calls import Workbench, calls

COMPILED = 25  # every so many calls; the others run operation by operation, which is quicker


def python_outcomes(count: int, seed: int, seconds: float = 20.0) -> Iterator[Outcome]:
    """Calls of the Python interface."""
    bench = Workbench()
    for number, call in enumerate(calls(bench, count, seed)):
        compiled = number % COMPILED == 0 and call.means is True
        tf.config.run_functions_eagerly(not compiled)
        try:
            yield judged(call.what, call.run, bench.tff.InputError, call.names, call.means, seconds)
        finally:
            tf.config.run_functions_eagerly(False)


class _RefusalError(Exception):
    """What a command line was refused with."""


def line_outcomes(count: int, seed: int, seconds: float = 60.0) -> Iterator[Outcome]:
    """Command lines, up to where a model would be opened."""
    read = Reader()
    try:
        for line in lines(count, seed):
            yield _of_line(read, line, seconds)
    finally:
        read.forget()


def _of_line(read: Reader, line: Line, seconds: float) -> Outcome:
    def run() -> str:
        code, said = read(line)
        if code == 2 and said.startswith("error: ") and said.count("\n") == 1:
            raise _RefusalError(said.strip())
        if code not in (None, 2):
            raise RuntimeError(f"exit code {code}: {said}")
        return "" if code is None else f"exit code 2 without one sentence: {said}"

    what = f"{line.program} {' '.join(told(text) for text in line.arguments)}"
    return judged(what, run, _RefusalError, _names(line), line.means, seconds)


def _names(line: Line) -> tuple[str, ...]:
    """What a sentence may call the flag: itself, or what it names."""
    more = {
        "attacks": ("attack",), "model": ("network", "model"), "epsilon": ("radii",),
        "methods": ("explainer",), "probes": ("probe",),
        "sign_surrogate": ("surrogate",), "ig_rule": ("rule",),
        "explainers": ("explainer", "pattern", "box", "αβ", *_keys(line.arguments[0])),
    }  # fmt: skip
    probe, dot, _ = line.name.partition(".")
    own = (f"setting of {probe}", f"settings of {probe}") if dot else ()
    return (line.name, *own, *more.get(line.name, ()))


def _keys(flag: str) -> list[str]:
    """The settings that an explainer is given in `--explainers=NAME:setting=value:...`."""
    parts = flag.partition("=")[2].split(":")[1:]
    return [part.partition("=")[0] for part in parts if part.partition("=")[0]]


def table(name: str, outcomes: Iterable[Outcome]) -> str:
    """Counts by verdict, a Markdown row."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    cells = [sum(counts.values()), *(counts[word] for word in (ACCEPTED, REFUSED, *FAULTS))]
    return f"| {name} | {' | '.join(map(str, cells))} |"
