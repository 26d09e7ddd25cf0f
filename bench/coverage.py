"""Which explainer works on which architecture: `docs/results/coverage.md`.

    python bench/coverage.py --data=$TF_FRAGILE_DATA --out=docs/results/coverage.md

Every explainer on every model of `subjects.groups`, two inputs each. A cell says that the map was
computed and by how much the sum that theory fixes is missed, or which layer was refused. Anything
else, a crash or a map that is not finite, shows in capitals and makes the exit code 1. Without
`--data` the networks with trained weights are left out.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import flags
from coverage_page import Cell, page
from subjects import Group, Subject, groups
from tqdm import tqdm

import tf_fragile as tff
from tf_fragile import cli
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.backprop.patterns import Patterns, estimate_patterns
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS

OUT = flags.DEFINE_string("out", "", "Where the page is written; standard output where empty.")
ONLY = flags.DEFINE_list("only", [], "Explainers to run; all where empty.")
DATA = flags.DEFINE_string(
    "data",
    os.environ.get("TF_FRAGILE_DATA", ""),
    "Folder of real images and weights; no trained networks where empty.",
)
CELLS = flags.DEFINE_string("cells", "", "Finished cells; an interrupted run goes on there.")
MODELS = flags.DEFINE_list("models", [], "Models to run; all where empty.")

BATCH = 2
FEW = {"steps": 8, "samples": 2}  # of methods that average
# The same again with other conventions, where the usual ones don't keep the sum.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "deep_taylor, proportional": (
        "deep_taylor",
        {"residual": "proportional", "average_pool": "proportional"},
    ),
    "lrp_flat, pools by gradient": ("lrp_flat", {"average_pool": "gradient"}),
    "lrp_wsquare, pools by gradient": ("lrp_wsquare", {"average_pool": "gradient"}),
}
_SENTENCE = re.compile(r".*? (?:has no rule for|for) layer (?P<layer>'.*?' \(.*?\)): (?P<why>.*)")


def shortened(sentence: str) -> str:
    """The layer and the reason of a refusal, without the method's name and the remedy."""
    found = _SENTENCE.fullmatch(" ".join(sentence.split()))
    if found is None:
        return sentence.rstrip(".")
    return f"{found['layer']}: {found['why'].split('; ')[0].rstrip('.')}"


def settings(name: str, subject: Subject, patterns: Patterns | None) -> dict[str, Any]:
    """Few points for methods that average; bounds and patterns for those that need them."""
    entry = EXPLAINERS[name]
    own = {} if entry.points is None else entry.few(FEW[entry.points.setting])
    for need in entry.unmet(own):
        given = (patterns,) if need.what == "patterns" else (subject.low, subject.high)
        own |= dict(zip(need.settings, given, strict=True))
    return own


def against_due(explainer: tff.explainers.Explainer, x: Any, maps: Any) -> dict[str, Any]:
    """The gap and the largest entry of the worst sample, as shares of what theory asks for."""
    gap = explainer.gap(x, None, maps)
    if gap is None or not EXPLAINERS[explainer.name].conserves:
        return {}
    flat = [np.asarray(m, "float64").reshape(len(gap), -1) for m in tf.nest.flatten(maps)]
    due = np.sum([m.sum(1) for m in flat], 0) - gap
    due = np.where(due == 0, 1, np.abs(due))
    largest = np.max([np.abs(m).max(1) for m in flat], 0)
    return {"gap": float(np.max(np.abs(gap) / due)), "largest": float(np.max(largest / due))}


@lru_cache(maxsize=1)  # two explainers share them
def estimated(network: Network, subject: Subject) -> Patterns:
    """Patterns from two batches of noise."""
    return estimate_patterns(network, [subject.inputs(BATCH, seed) for seed in (1, 2)])


def run(name: str, network: Network, subject: Subject) -> Cell:
    """One cell."""
    try:
        # Compiled, nearly all of the time would go into tracing graphs that run once; op by op,
        # TensorFlow has no derivative by the kernels of grouped convolutions, which patterns need.
        needs = () if name in VARIANTS else EXPLAINERS[name].needs
        patterned = any(need.what == "patterns" for need in needs)
        tf.config.run_functions_eagerly(not patterned)
        patterns = estimated(network, subject) if patterned else None
        method, own = VARIANTS.get(name, (name, settings(name, subject, patterns)))
        explainer = tff.explain(method, network, **own)
        x = subject.inputs(BATCH, 0)
        maps = explainer(x)
        flat = tf.nest.flatten(maps)
        if not all(np.isfinite(m).all() for m in flat):
            return Cell(failed="NOT FINITE")
        empty = not any(np.any(m) for m in flat)
        return Cell(**against_due(explainer, x, maps), empty=empty)
    except InputError as error:
        return Cell(refused=shortened(str(error)))
    except Exception as error:  # the point of the page is to show these
        return Cell(failed=f"CRASH {type(error).__name__}: {' '.join(str(error).split())[:160]}")


def chosen(models: list[str]) -> list[Group]:
    """The groups of subjects, with those in `models` only, all where it is empty.

    Raises:
      InputError: if there is no such model.
    """
    found = groups(DATA.value)
    known = [name for group in found for name in group.subjects]
    for name in models:
        if name not in known:
            raise InputError(f"There is no model {name!r}; choose from {', '.join(known)}.")
    wanted = models or known
    kept = [
        replace(group, subjects={n: make for n, make in group.subjects.items() if n in wanted})
        for group in found
    ]
    return [group for group in kept if group.subjects]


def remembered(path: str) -> dict[tuple[str, str], Cell]:
    """The cells of an interrupted run."""
    if not path or not Path(path).is_file():
        return {}
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return {(row.pop("explainer"), row.pop("model")): Cell(**row) for row in rows}


def remember(path: str, name: str, model: str, cell: Cell) -> None:
    """Adds a cell to the file of cells, where there is one."""
    if path:
        row = {"explainer": name, "model": model, **dataclasses.asdict(cell)}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def main(argv: list[str]) -> int:
    """Fills the tables model by model and writes the page."""
    del argv
    explainers = ONLY.value or sorted([*EXPLAINERS, *VARIANTS])
    parts = chosen(MODELS.value)
    subjects = {name: make for part in parts for name, make in part.subjects.items()}
    cells = remembered(CELLS.value)
    with tqdm(total=len(explainers) * len(subjects)) as progress:
        for model, make in subjects.items():
            if all((name, model) in cells for name in explainers):
                progress.update(len(explainers))
                continue
            subject = make()
            network = as_network(subject.model)
            for name in explainers:
                progress.set_description(f"{model} {name}"[:44].ljust(44))
                if (name, model) not in cells:
                    cells[name, model] = run(name, network, subject)
                    remember(CELLS.value, name, model, cells[name, model])
                progress.update()
            keras.backend.clear_session(free_memory=True)
    again = [name for name in explainers if name in VARIANTS]
    text = page(explainers, again, parts, cells, BATCH)
    if OUT.value:
        Path(OUT.value).write_text(text, encoding="utf-8")
    else:
        print(text)
    return int(any(cell.failed for cell in cells.values()))


if __name__ == "__main__":
    cli.run(main)
