r"""Whether runs survive kills, damage and mistakes: `docs/results/survival.md`.

    python bench/survival.py --part=damage --rows=survival.jsonl
    python bench/survival.py --part=files --rows=survival.jsonl
    python bench/survival.py --part=audits --rows=survival.jsonl
    python bench/survival.py --part=page --rows=survival.jsonl > docs/results/survival.md

The embedded audit on tiny settings. In this process, the manifest and the parts of a finished run
are damaged, its model is swapped and its settings are changed, and after each the same run is asked
for again. As processes of their own, one run is killed, terminated, left without space and started
twice, again and again until it is done, and its records compared with those of a run that was left
alone; once whole audits, and once, since kills hit those while they compute, runs that do little
but write. What may follow is named beforehand, and anything else is counted as a failure.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import survival_damage as damage
from survival_page import Trial, page

from tf_fragile import cli
from tf_fragile.audit import command
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.atomic import write_text
from tf_fragile.runs.execution import execute, held
from tf_fragile.runs.records import read_part, read_records
from tf_fragile.runs.shards import Job
from tf_fragile.runs.tasks import Findings, Task, cut

FLAGS = (
    *("--num_images=10", "--steps=1", "--explainers=gradient", "--epsilon=4"),
    *("--shard_size=1", "--plateau=0", "--gallery=2", "--progress=off"),
)
SHARDS, PAUSE = 80, 0.01  # of the runs that do little but write, a shard
PROBE = "fragility"


@dataclass(frozen=True)
class Program:
    """What is run, killed and run again.

    Attributes:
      name: of it.
      main: what a process does in a run directory, from its command line to its exit.
      kills: how many of them by SIGKILL.
      sizes: of files, in bytes, of which no longer ones can be written.
      shards: of a run.
    """

    name: str
    main: Callable[[Path], None]
    kills: int
    sizes: tuple[int, ...]
    shards: int


def audit(out: Path) -> None:
    """The whole command."""
    sys.argv = ["tf_fragile audit", f"--out={out}", *FLAGS]
    command.define_flags()
    cli.run(command.main)


def write(out: Path) -> None:
    """A run of tasks that are random numbers, and a report of them."""

    def work(task: Task) -> Findings:
        time.sleep(PAUSE)
        random = np.random.default_rng(task.number)
        row = {"sample": task.number, "label": 0, "predicted": 0, "metric": "m"}
        rows = [row | {"value": value} for value in random.normal(size=200)]
        return Findings(rows, {str(task.number): random.normal(size=5000)})

    def main(argv: list[str]) -> int:
        manifest = manifests.begin(
            command=argv,
            settings={},
            probes={PROBE: {}},
            seed=0,
            model_hash="",
            data_hash="",
            device="",
        )
        with held(out) as lease:
            job = Job(PROBE, {}, cut(range(SHARDS), 1), work)
            records, _ = execute(out, manifest, [job], lease=lease, progress=False)
            lease.check()
            write_text(out / "report.html", records[PROBE].to_html())
        return 0

    sys.argv = ["write"]
    cli.run(main)


# No manifest fits: a later file, and nothing would be left to be killed.
AUDIT = Program("audit", audit, kills=2, sizes=(500,), shards=10)
FILES = Program("files", write, kills=14, sizes=(0, 500, 20_000), shards=SHARDS)


@dataclass(frozen=True)
class Child:
    """An audit as a process of its own.

    Attributes:
      pid: its number.
      said: the end of a pipe into which it writes both streams.
    """

    pid: int
    said: int

    def wait(self) -> int:
        """Its exit code, negative for the signal that killed it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def last_line(self) -> str:
        """The last thing that it said; to be asked once, when it has ended."""
        with open(self.said, encoding="utf-8", errors="replace") as said:
            return said.read().rstrip().rpartition("\n")[2]


def start(out: Path, program: Program, *, most_bytes: int | None = None) -> Child:
    """Starts a program; a file may get no longer than `most_bytes`, as on a full disk.

    The process is a copy of this one, in which TensorFlow is imported and did nothing yet: it has
    the command line, signals and exit codes of a program that a shell starts.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    # New ones: the old ones take what they were opened on for a file in which they can seek.
    sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))  # noqa: SIM115
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    code = 70
    try:
        program.main(out)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def processes(program: Program, root: Path) -> Iterator[Trial]:
    """One run that meets everything in turn, and then is finished."""
    started = time.monotonic()
    code = (child := start(root / "whole", program)).wait()
    seconds = time.monotonic() - started
    if code:
        raise SystemExit(f"the program itself fails: {child.last_line()}")
    out = root / "run"
    yield from without_space(out, program)
    yield from killed(out, program, seconds)
    yield from stopped(out, program, seconds)
    yield two_at_once(out, program, seconds)
    code = (child := start(out, program)).wait()
    left = [path.name for path in out.rglob("*") if "partial" in path.name or "lease" in path.name]
    same = read_records(out, PROBE).equals(read_records(root / "whole", PROBE))
    good = not code and not left and same and (out / "report.html").exists()
    said = "the run that met all of these, finished: records equal those of one left alone"
    found = "equal" if good else f"FAILURE: exit {code}, left {left}"
    yield Trial(f"all of these ({program.name})", said, found)


def without_space(out: Path, program: Program) -> Iterator[Trial]:
    """No file may be longer than so many bytes: no lease, manifest, pictures or report."""
    for most in program.sizes:
        child = start(out, program, most_bytes=most)
        code, line = child.wait(), child.last_line()
        said = f"exit {code}, {line.replace(str(out), 'OUT')!r:.80}"
        good = (
            code == 2
            and ("No space left" in line or "could not be written" in line)
            and not list(out.rglob("*.partial"))
        )
        name = f"files up to {most} bytes"
        yield Trial(f"full disk ({program.name})", name, said if good else f"FAILURE: {said}")


def killed(out: Path, program: Program, seconds: float) -> Iterator[Trial]:
    """Killed at random moments: of the start, of a shard, and between shards."""
    drawn = random.Random(0)
    for number in range(program.kills):
        before = intact(out)
        child = start(out, program)
        if number % 7 == 3:  # at the start, the lease just taken
            wait_for((out / "lease.json").exists, 20 * seconds)
        else:
            wait_for(partial(has_more, out, before), 20 * seconds)
        time.sleep(drawn.uniform(0, 2 * PAUSE))
        os.kill(child.pid, signal.SIGKILL)
        code, after = child.wait(), intact(out)
        name = f"{len(before)} of {program.shards} shards there before, {len(after)} after"
        lost = any(after.get(path) != stamp for path, stamp in before.items())
        said = "FAILURE: lost" if lost else "finished before" if code == 0 else "kept"
        yield Trial(f"SIGKILL ({program.name})", name, said)


def stopped(out: Path, program: Program, seconds: float) -> Iterator[Trial]:
    """Ended by signals that let it say a last line, once and twice in a row."""
    for signals in ([signal.SIGTERM], [signal.SIGTERM] * 2, [signal.SIGINT, signal.SIGTERM]):
        before = intact(out)
        child = start(out, program)
        wait_for(partial(has_more, out, before), 20 * seconds)
        for number in signals:
            os.kill(child.pid, number)
        code, line, after = child.wait(), child.last_line(), intact(out)
        kept = all(after.get(path) == stamp for path, stamp in before.items())
        left = [p.name for p in out.rglob("*") if "partial" in p.name or "lease" in p.name]
        said = f"exit {code}, {line!r}"
        good = kept and not left and code in (130, 143) and "run the same command again" in line
        name = ", then ".join(number.name for number in signals)
        yield Trial(
            f"SIGTERM ({program.name})", name, said if good else f"FAILURE: {said}, left {left}"
        )


def two_at_once(out: Path, program: Program, seconds: float) -> Trial:
    """A second process is refused; when the first is stopped, it takes over, and is told so."""
    first = start(out, program)
    wait_for((out / "lease.json").exists, 20 * seconds)
    os.kill(first.pid, signal.SIGSTOP)
    second = start(out, program)
    refused, line = second.wait(), second.last_line()
    good = refused == 2 and f"worked on by process {first.pid} on " in line
    os.utime(out / "lease.json", (time.time() - 100,) * 2)  # as if it were stopped for so long
    taker = start(out, program)
    taken = taker.wait()
    written = intact(out)
    os.kill(first.pid, signal.SIGCONT)
    woken, last = first.wait(), first.last_line()
    good &= taken == 0 and woken == 2 and "The lease" in last and intact(out) == written
    name = "the second refused; the first stopped, taken over from, woken: it writes nothing more"
    said = f"exit {refused}, {taken}, {woken}"
    return Trial(
        f"two processes ({program.name})",
        name,
        said if good else f"FAILURE: {said}: {line}; {last}",
    )


def intact(out: Path) -> dict[Path, int]:
    """The parts of a run that can be read, and when they were written."""
    return {
        path: path.stat().st_mtime_ns
        for path in out.glob("records/*/*.parquet")
        if read_part(path) is not None
    }


def has_more(out: Path, before: dict[Path, int]) -> bool:
    """Whether there is a part more than before."""
    return len(list(out.glob("records/*/*.parquet"))) > len(before)


def wait_for(happened: Callable[[], bool], seconds: float) -> None:
    """Waits until something is there."""
    deadline = time.monotonic() + seconds
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)


def main(argv: Sequence[str]) -> int:
    """Tries one part and adds to the rows, or writes the page; 1 if something failed."""
    parser = argparse.ArgumentParser(description="Whether runs survive kills, damage and mistakes.")
    parser.add_argument("--part", choices=["damage", "files", "audits", "page"], required=True)
    parser.add_argument("--rows", type=Path, required=True, help="JSON lines, one a trial")
    given = parser.parse_args(argv)
    if given.part == "page":
        lines = given.rows.read_text("utf-8").splitlines()
        trials = [Trial(**json.loads(line)) for line in lines]
        print(page(trials), end="")
        return int(any(trial.failed for trial in trials))
    parts: dict[str, Callable[[Path], Iterator[Trial]]] = {
        "damage": damage.trials,
        "files": partial(processes, FILES),
        "audits": partial(processes, AUDIT),
    }
    failed = False
    with tempfile.TemporaryDirectory() as directory, given.rows.open("a", encoding="utf-8") as rows:
        for trial in parts[given.part](Path(directory)):
            rows.write(json.dumps(dataclasses.asdict(trial)) + "\n")
            rows.flush()
            failed |= trial.failed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
