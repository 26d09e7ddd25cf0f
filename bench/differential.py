"""Random Keras models against Keras' own tape, many of them.

    python bench/differential.py --models=3000 --out=out/differential.jsonl

One line of JSON a model; the same command again judges only the seeds that have none. Models run
in fresh processes, a chunk each, so that memory stays bounded. A wrong model is shrunk, and its
program stands in its line. In the end: how many were right, refused, wrong, and every distinct
refusal and fault. Exit code 1 where a model was wrong.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from absl import flags
from tqdm import tqdm

from tf_fragile import cli

MODELS = flags.DEFINE_integer("models", 3000, "How many models.", lower_bound=1)
FIRST_SEED = flags.DEFINE_integer("first_seed", 0, "Seed of the first.", lower_bound=0)
OUT = flags.DEFINE_string("out", None, "File of the lines.", required=True)
CHUNK = flags.DEFINE_integer("chunk", 50, "Models of one process.", lower_bound=1)
SEEDS = flags.DEFINE_list("seeds", [], "Seeds of one chunk; set by the command itself.")
SHRINK = flags.DEFINE_boolean("shrink", True, "Whether wrong models are shrunk.")

_PROJECT = Path(__file__).resolve().parent.parent


def read(path: Path) -> list[dict[str, Any]]:
    """The lines there are; a last one that was cut off does not count."""
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines


def append(path: Path, line: dict[str, Any]) -> None:
    """Adds one line, on a line of its own even where the last one was cut off."""
    whole = not path.exists() or path.read_bytes()[-1:] in (b"\n", b"")
    with path.open("a") as file:
        file.write(("" if whole else "\n") + json.dumps(line) + "\n")


def work(path: Path, seeds: list[int]) -> None:
    """Judges `seeds` in this process."""
    campaign = _campaign()
    warnings.simplefilter("ignore")
    for seed in seeds:
        append(path, campaign.record(seed, SHRINK.value))


def chunk(path: Path, seeds: list[int], bar: tqdm) -> None:
    """Judges `seeds` in a process of their own; one that kills it is wrong, the rest goes on."""
    before = len(read(path))
    given = [f"--out={path}", f"--seeds={','.join(map(str, seeds))}"]
    command = [sys.executable, __file__, *given, f"--{'' if SHRINK.value else 'no'}shrink"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    shown = 0
    while process.poll() is None:
        time.sleep(1)
        now = len(read(path)) - before
        bar.update(now - shown)
        shown = now
    done = {line["seed"] for line in read(path)}
    bar.update(len(done & set(seeds)) - shown)
    left = [seed for seed in seeds if seed not in done]
    if not left:
        return
    said = process.stderr.read().strip().splitlines() if process.stderr else []
    what = f"the process died: {said[-1] if said else process.returncode}"
    append(path, {"seed": left[0], "kind": "wrong", "what": what, "checks": {}, "code": ""})
    bar.update(1)
    if left[1:]:
        chunk(path, left[1:], bar)


def _campaign() -> Any:
    sys.path.insert(0, str(_PROJECT / "tests" / "differential"))
    return importlib.import_module("random_models.campaign")


def main(_: list[str]) -> int:
    """Judges what is missing and prints the table."""
    path = Path(OUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    if SEEDS.value:
        work(path, [int(seed) for seed in SEEDS.value])
        return 0
    wanted = range(FIRST_SEED.value, FIRST_SEED.value + MODELS.value)
    done = {line["seed"] for line in read(path)}
    missing = [seed for seed in wanted if seed not in done]
    with tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="model") as bar:
        for begin in range(0, len(missing), CHUNK.value):
            chunk(path, missing[begin : begin + CHUNK.value], bar)
    lines = [line for line in read(path) if line["seed"] in wanted]
    print(_campaign().table(lines))
    return int(any(line["kind"] == "wrong" for line in lines))


if __name__ == "__main__":
    cli.run(main)
