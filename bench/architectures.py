"""Architectures that other people published: `docs/results/architectures.md`.

    python bench/architectures.py --out=docs/results/architectures.md

Seven explainers and one attack on each of `designs`, compared with Keras' own tape on the same
model. KerasHub's are run where it is installed (`pip install -e '.[hub]'`).
A wrong map or a crash shows in capitals and makes the exit code 1.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import keras
import tensorflow as tf
from absl import flags
from designs.catalog import GROUPS, chosen, left_out
from designs.design import Design, layers_of, livened, noise
from designs.judge import ATTACK, EXPLAINERS, SETTINGS, Verdict, attacked, explained, judged
from designs.oracle import Oracle, make_oracle
from designs.page import Row, page
from tqdm import tqdm

import tf_fragile as tff
from tf_fragile import cli
from tf_fragile.errors import InputError

OUT = flags.DEFINE_string("out", "", "Where the page is written; standard output where empty.")
ROWS = flags.DEFINE_string(
    "rows", "", "Finished designs, a line of JSON each; an interrupted run goes on there."
)
ONLY = flags.DEFINE_multi_string("only", [], "A design by name or part of it; may be repeated.")
WHICH = flags.DEFINE_list("groups", list(GROUPS), "Which groups run: " + ", ".join(GROUPS) + ".")


def row(group: str, design: Design) -> Row:
    """Every verdict on one design."""
    pair = livened(design)
    x = noise(pair.model, design.low, design.high)
    oracle = make_oracle(pair, x)
    if not design.refuse:
        oracle.check()
    # Compiled, nearly all of the time would go into tracing graphs that run once; op by op,
    # TensorFlow has no gradient of grouped convolutions on CPUs.
    tf.config.run_functions_eagerly(not _is_grouped(pair.model))
    cells = {name: _map(name, oracle, design) for name in EXPLAINERS}
    if len(tf.nest.flatten(x)) == 1 and len(tf.nest.flatten(x)[0].shape) == 4:
        cells[ATTACK] = _attack(oracle, design)
    return Row(group, design.name, pair.model.count_params(), cells)


def _is_grouped(model: keras.Model) -> bool:
    return any(getattr(layer, "groups", 1) != 1 for layer in layers_of(model))


def _map(name: str, oracle: Oracle, design: Design) -> Verdict:
    def answer() -> Verdict:
        explainer = tff.explain(name, oracle.pair.model, **SETTINGS.get(name, {}))
        return explained(name, explainer, oracle, design)

    return judged(answer, design)


def _attack(oracle: Oracle, design: Design) -> Verdict:
    def answer() -> Verdict:
        return attacked(tff.explain("gradient", oracle.pair.model), oracle, design)

    return judged(answer, design)


def finished(path: str) -> list[Row]:
    """The rows that an earlier, interrupted run has written."""
    if not path or not Path(path).exists():
        return []
    lines = map(json.loads, Path(path).read_text(encoding="utf-8").splitlines())
    return [
        Row(**{**line, "cells": {k: Verdict(**v) for k, v in line["cells"].items()}})
        for line in lines
    ]


def run(designs: Iterable[tuple[str, Design]]) -> list[Row]:
    """All rows, each also written out as soon as it is there."""
    rows = []
    for group, design in designs:
        rows.append(row(group, design))
        if ROWS.value:
            with Path(ROWS.value).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(rows[-1]), ensure_ascii=False) + "\n")
        keras.backend.clear_session(free_memory=True)
        gc.collect()
    return rows


def main(argv: list[str]) -> int:
    """Fills the table design by design and writes the page."""
    del argv
    designs = chosen(WHICH.value, ONLY.value)
    if not designs:
        raise InputError(f"No design is called {', '.join(ONLY.value)}; see bench/designs.")
    done = {row.name: row for row in finished(ROWS.value)}
    missing = [(group, design) for group, design in designs if design.name not in done]
    done |= {row.name: row for row in run(tqdm(missing))}
    rows = [done[design.name] for _, design in designs]
    text = page(rows, left_out(WHICH.value))
    if OUT.value:
        Path(OUT.value).write_text(text, encoding="utf-8")
    else:
        print(text)
    return int(any(v.kind in ("wrong", "crash") for r in rows for v in r.cells.values()))


if __name__ == "__main__":
    cli.run(main)
