r"""Which wrongly fed models an audit notices, and what looking costs: `docs/results/feeding.md`.

    python bench/feeding.py --data=$TF_FRAGILE_DATA --rows=feeding.jsonl \
        --out=docs/results/feeding.md

Ten mistakes on five networks, twenty samples of 16 images fed rightly, and the time of it all
beside that of an audit. Runs on one core; an interrupted run goes on where `--rows` ends.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
from absl import flags
from feeding_cases import WEIGHTS, XRAY, Case, Fed, Remembering, cases, photographs, right, xrays
from feeding_page import page

from tf_fragile import cli
from tf_fragile.audit.alternatives import Alternative, geometries, preprocessings
from tf_fragile.audit.asked import asked
from tf_fragile.audit.asking import ask
from tf_fragile.audit.class_orders import class_orders
from tf_fragile.audit.contest import accuracy
from tf_fragile.audit.feeding import Feeding, judge
from tf_fragile.audit.plan import make_plan
from tf_fragile.audit.subject import open_subject
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data import Reading, Source
from tf_fragile.data.reading import Resize
from tf_fragile.errors import InputError
from tf_fragile.probes.sampling import Seen, draw, look, nothing_seen

DATA = flags.DEFINE_string(
    "data", os.environ.get("TF_FRAGILE_DATA", ""), "Folder of real images and weights."
)
ROWS = flags.DEFINE_string("rows", "", "Finished measurements, JSON lines; a run goes on there.")
OUT = flags.DEFINE_string("out", "", "Where the page is written; standard output where empty.")
NETWORKS = flags.DEFINE_list("networks", [*WEIGHTS, XRAY], "Networks to try.")

SAMPLES, WHOLE = 20, 3
IMAGES = 16
AUDITED = (600, 8)
Row = dict[str, Any]


def judged(case: Case, network: Network, seed: int) -> Feeding:
    """As an audit of one image judges it."""

    def others(seen: Seen) -> list[Alternative]:
        found = preprocessings(case.source, network)
        if seen.labelled.any():
            found += class_orders(case.source, network, seen)
            found += geometries(
                case.source,
                network,
                Reading(cast(Resize, case.resize)),
                lambda reading: case.reopened(reading.resize),
                seen.positions[:4],
            )
        return found

    return judge(case.source, network, nothing_seen(), seed=seed, alternatives=others)


def told(found: Feeding) -> Row:
    """A judgement as a row."""
    share = found.accuracy
    return {
        "noticed": found.in_doubt,
        "accuracy": None if share is None else [share.mean, share.low, share.high, share.n],
        "kinds": [suspicion.kind for suspicion in found.suspicions],
        "cure": found.cure.alternative.name if found.cure else "",
        "cured": found.cure.accuracy.mean if found.cure else None,
        "doubt": found.doubt,
    }


def mistake(fed: Fed, make: Callable[[], Case], known: dict[int, Remembering]) -> Row:
    """What becomes of one mistake, and what the right feeding gives on the same images."""
    try:
        case = make()
        found = judged(case, remembering(case, known), 0)
    except InputError as error:
        return {"refused": str(error)}
    reference = right(fed)
    seen = look(reference.source, remembering(reference, known), found.seen.positions)
    share = accuracy(seen)
    return told(found) | {"right": [share.mean, share.low, share.high, share.n]}


def remembering(case: Case, known: dict[int, Remembering]) -> Any:
    """The network of a case, which computes every input once over all cases."""
    if id(case.network.model) not in known:
        known[id(case.network.model)] = Remembering(case.network)
    return known[id(case.network.model)]


def sample(fed: Fed, known: dict[int, Remembering], seed: int) -> Row:
    """The right feeding of a data set of `IMAGES` images."""
    case = right(fed)
    chosen = np.random.default_rng(1000 + seed).permutation(len(case.source))[:IMAGES]

    def few(source: Source) -> Source:
        return replace(source, read=lambda i: source.read(int(chosen[i])), size=IMAGES)

    small = replace(
        case, source=few(case.source), reopened=lambda resize: few(case.reopened(resize))
    )
    return told(judged(small, remembering(case, known), seed))


def whole(fed: Fed, known: dict[int, Remembering], seed: int) -> Row:
    """The right feeding of the whole data set."""
    case = right(fed)
    return told(judged(case, remembering(case, known), seed))


def cost(fed: Fed, data: Path, images: int) -> Row:
    """Seconds of drawing and judging, and of an audit by its own plan; photographs only."""
    settings = asked(
        model=fed.name, weights=str(data / WEIGHTS[fed.name]), data=fed.spec, num_images=images
    )
    case = replace(right(fed), network=as_network(fed.model))
    look(case.source, case.network, range(IMAGES))  # what is done once does not count
    started = time.perf_counter()
    looking = min(images, len(case.source))
    drawn = draw(case.source, case.network, looking, only_correct=images < 600)
    drawing = time.perf_counter() - started
    judged(case, case.network, 0)
    seconds = time.perf_counter() - started
    opened = open_subject(replace(settings, only_correct=images < 600))
    plan = make_plan(opened, ask(opened).bound)
    return {
        "seconds": seconds,
        "drawing": drawing,
        "audit": plan.seconds,
        "seen": len(drawn.seen),
        "images": images,
    }


def jobs(fed: Fed, data: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Everything to measure on a network, what matters most first."""
    known: dict[int, Remembering] = {}
    for name, make in cases(fed).items():
        yield f"mistake/{name}", partial(mistake, fed, make, known)
    for seed in range(SAMPLES):
        yield f"sample/{seed}", partial(sample, fed, known, seed)
    if fed.name in ("squeezenet_v1.0", "mobilenet_v1"):
        for images in AUDITED:
            yield f"cost/{images}", partial(cost, fed, data, images)
    for seed in range(WHOLE):
        yield f"whole/{seed}", partial(whole, fed, known, seed)


def remembered(path: str) -> dict[tuple[str, str], Row]:
    """The rows of an interrupted run."""
    if not path or not Path(path).is_file():
        return {}
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return {(row["network"], row["job"]): row for row in rows}


def measured(data: Path, path: str) -> Mapping[tuple[str, str], Row]:
    """All rows, those that were missing computed: each kind on all networks, then the next."""
    rows = remembered(path)
    with tempfile.TemporaryDirectory() as scratch:
        todo = []
        for name in NETWORKS.value:
            make = xrays if name == XRAY else partial(photographs, name=name)
            fed = make(data, scratch=Path(scratch) / name.replace(" ", "_"))
            todo += [(name, job, run) for job, run in jobs(fed, data) if (name, job) not in rows]
        todo.sort(key=lambda job: _KINDS.index(job[1].split("/")[0]))
        for name, job, run in todo:
            started = time.process_time()
            row = {"network": name, "job": job, **run()}
            row["cpu_s"] = round(time.process_time() - started, 2)
            rows[name, job] = row
            print(json.dumps(row)[:240], flush=True)
            if path:
                with Path(path).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    return rows


def main(argv: list[str]) -> int:
    """Measures what is missing and writes the page; exit code 1 where an alarm was false."""
    del argv
    if not DATA.value:
        raise InputError("The networks and pictures are needed; give --data or TF_FRAGILE_DATA.")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = measured(Path(DATA.value), ROWS.value)
    text = page(rows, NETWORKS.value)
    if OUT.value:
        Path(OUT.value).write_text(text, encoding="utf-8")
    else:
        print(text)
    return int(any(row["noticed"] for (_, job), row in rows.items() if job[:6] in _RIGHT))


_KINDS = ("mistake", "sample", "cost", "whole")
_RIGHT = ("sample", "whole/")

if __name__ == "__main__":
    cli.run(main)
