"""What a whole audit costs in one checkout beside another, an image: no change may make it slower.

    python bench/audit_cost.py --before=../before -- --num_images=8

Each audit is a process of its own in an empty directory, as a user starts it; the two checkouts
take turns, the first one alternating. Printed are the medians of the ratio after / before an
attacked image, of seconds and of processor seconds, with bootstrap intervals; exit code 1 where the
upper end of one is above --limit. What comes after `--` are flags of both audits; without
--num_images there, each takes its own default and the ratio is still that of an image.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from absl import flags

from tf_fragile import cli

BEFORE = flags.DEFINE_string("before", "", "The other checkout.")
PAIRS = flags.DEFINE_integer("pairs", 15, "Audits of each checkout.", lower_bound=2)
LIMIT = flags.DEFINE_float("limit", 1.05, "The largest upper end of an interval that passes.")


@dataclass(frozen=True)
class Cost:
    """Of one audit, an attacked image.

    Attributes:
      wall: seconds.
      processor: seconds of all cores, of the program and of the system for it.
    """

    wall: float
    processor: float


def audit(checkout: Path, given: list[str]) -> Cost:
    """Runs one audit with the code of `checkout`."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "tf_fragile", "audit", "--progress=off", *given]
        used, started = _processor(), time.perf_counter()
        subprocess.run(
            [*command, f"--out={place}/out"],
            check=True,
            env=environment,
            cwd=place,
            stdout=subprocess.DEVNULL,
        )
        wall, processor = time.perf_counter() - started, _processor() - used
        summary = pd.read_csv(f"{place}/out/summary.csv")
    images = int((summary["n"] + summary["n_failed"]).max())
    return Cost(wall / images, processor / images)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def interval(ratios: np.ndarray) -> tuple[float, float, float]:
    """The median and its 95 % bootstrap interval."""
    drawn = np.random.default_rng(0).choice(ratios, (4000, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


def main(argv: list[str]) -> int:
    """Runs both checkouts in turns and prints a table."""
    after, before = Path(__file__).resolve().parents[1], Path(BEFORE.value).resolve()
    rounds: list[tuple[Cost, Cost]] = []
    for pair in range(PAIRS.value):
        first, second = (after, before) if pair % 2 else (before, after)
        costs = {place: audit(place, argv[1:]) for place in (first, second)}
        rounds.append((costs[after], costs[before]))
    slower = False
    print(f"{PAIRS.value} interleaved pairs of audits, after / before, an image")
    for name in ("wall", "processor"):
        ratios = np.array([getattr(new, name) / getattr(old, name) for new, old in rounds])
        middle, low, high = interval(ratios)
        seconds = np.median([getattr(new, name) for new, _ in rounds])
        slower |= high > LIMIT.value
        print(f"{name:12s}{middle:7.3f}  [{low:.3f}, {high:.3f}]  {seconds:.2f} s after")
    return int(slower)


if __name__ == "__main__":
    cli.run(main)
