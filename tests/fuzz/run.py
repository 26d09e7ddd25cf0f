"""Runs the generators: `make fuzz`. `--root` names the tree whose package is tried."""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default=str(HERE.parents[1]), help="tree of the package")
    parser.add_argument("--python", type=int, default=1280, help="calls of the Python interface")
    parser.add_argument("--lines", type=int, default=520, help="command lines")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=400, help="faults that are listed")
    given = parser.parse_args()
    sys.path[:0] = [given.root, str(HERE)]
    _bound_memory(16 * 2**30)
    from fuzzing.campaign import line_outcomes, python_outcomes, table

    faults, rows = 0, []
    for name, outcomes in (
        ("command line", line_outcomes(given.lines, given.seed)),
        ("Python", python_outcomes(given.python, given.seed)),
    ):
        start, found = time.monotonic(), []
        for outcome in outcomes:
            found.append(outcome)
            if outcome.is_fault and faults < given.show:
                print(f"{outcome.verdict}: {outcome.what} -> {outcome.detail[:160]}", flush=True)
            faults += outcome.is_fault
        rows.append(table(name, found))
        print(f"{name}: {len(found)} inputs in {time.monotonic() - start:.0f} s", flush=True)
        slow = sorted(found, key=lambda outcome: -outcome.seconds)[:5]
        print("slowest:", [(o.what, round(o.seconds, 1)) for o in slow])
    print("\n".join(rows))
    return 1 if faults else 0


def _bound_memory(most: int) -> None:
    """What asks for more gets a `MemoryError`, and the machine is spared."""
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    sys.exit(main())
