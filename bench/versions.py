"""What every explainer costs in one checkout beside another: no change may make maps slower.

    python bench/versions.py --before=../before --points=5 --weights=squeezenet_v1.0_imagenet.npz

Each checkout runs in a process of its own, traced once; then they take turns, explainer by
explainer, so that drift of the machine hits both alike. Printed is the median of the ratio after /
before over the pairs with a bootstrap interval; exit code 1 where the upper end is above --limit.
With --threads=1 and --clock=cpu the ratio is of processor time, which other work on the machine
disturbs less.

Beside it stands what no noise can hide: whether both compile to the same operations, wired alike.
Where they do, a ratio is of the machine alone and decides nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from explainers import BATCH, ONLY, POINTS, WEIGHTS, settings
from tqdm import tqdm

from tf_fragile import cli

BEFORE = flags.DEFINE_string("before", "", "The other checkout.")
PAIRS = flags.DEFINE_integer("pairs", 15, "Rounds of each; 0 for the graphs alone.", lower_bound=0)
THREADS = flags.DEFINE_integer("threads", 0, "Threads of each process; TensorFlow's own if 0.")
CLOCK = flags.DEFINE_enum("clock", "wall", ["wall", "cpu"], "Which time counts.")
LIMIT = flags.DEFINE_float("limit", 1.05, "The largest upper end of an interval that passes.")
WORKER = flags.DEFINE_bool("worker", False, "Be one of the two processes.")


def worker() -> int:
    """Traces every explainer once, then times the one that each line of its input names."""
    import tensorflow as tf

    if THREADS.value:
        tf.config.threading.set_intra_op_parallelism_threads(THREADS.value)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS.value)

    import tf_fragile as tff
    from tf_fragile.attacks.loop import Loop
    from tf_fragile.attacks.problem import clean, make_problem
    from tf_fragile.backprop.network import as_network
    from tf_fragile.data.preprocessing import PREPROCESSINGS
    from tf_fragile.explainers.catalog import EXPLAINERS
    from tf_fragile.explainers.noise import sample_seeds
    from tf_fragile.metrics.readouts import read_out
    from tf_fragile.models import zoo

    network = as_network(zoo.load("squeezenet_v1.0", weights=WEIGHTS.value))
    preprocessing = PREPROCESSINGS["squeezenet_v1.0"]
    shape = (BATCH.value, *network.model.input_shape[1:])
    pixels = np.random.default_rng(0).uniform(0, 255, shape)
    x = tf.constant(preprocessing.forward(pixels), tf.float32)
    label, seeds = network.predict(x), sample_seeds(0, BATCH.value)
    runs: dict[str, tuple[Any, tuple[Any, ...]]] = {}
    for name in ONLY.value or EXPLAINERS:
        chosen = settings(name, preprocessing.range, network, x)
        explainer = tff.explain(name, network, **chosen)
        compiled = tf.function(explainer.attribute, autograph=False)
        runs[name] = compiled, (x, label, seeds)
    attack = tff.attack("top_k", k=1000)
    explainer = tff.explain("gradient", network)
    loop: Loop = attack.loop(explainer, 1000)
    reference = read_out(explainer(x, label, seeds))
    problem = make_problem(
        attack.objective, preprocessing.range, np.array([8.0]), x, label, label, reference, seeds,
        *clean(loop, x, label),
    )  # fmt: skip
    gradient = tf.function(loop.step_gradient, autograph=False)
    runs["attack gradient (top_k, softplus)"] = gradient, (x, problem)
    graphs = {name: graph(run.get_concrete_function(*given)) for name, (run, given) in runs.items()}
    for run, given in runs.values():
        for _ in range(2 if PAIRS.value else 0):
            run(*given)
    print(json.dumps(graphs), flush=True)
    clock = time.process_time if CLOCK.value == "cpu" else time.perf_counter
    for line in sys.stdin:
        run, given = runs[line.strip()]
        started = clock()
        tf.nest.map_structure(lambda t: t.numpy(), run(*given))
        print(clock() - started, flush=True)
    return 0


def graph(function: Any) -> tuple[int, str]:
    """How many operations a traced function has, and a digest of them and their wiring."""
    definition = function.graph.as_graph_def()
    bodies = [definition.node, *(inner.node_def for inner in definition.library.function)]
    digests = []
    for nodes in bodies:
        place = {node.name: str(i) for i, node in enumerate(nodes)}
        sha = hashlib.sha256()
        for node in nodes:
            data = [place.get(w.split(":")[0], w) for w in node.input if w[:1] != "^"]
            after = sorted(place.get(w[1:], w) for w in node.input if w[:1] == "^")
            known = {key: value for key, value in node.attr.items() if not _is_a_name(key, value)}
            parts = [
                f"{key}={known[key].SerializeToString(deterministic=True)!r}"
                for key in sorted(known)
            ]
            sha.update(" ".join([node.op, *data, "after", *after, *parts]).encode())
        digests.append(sha.hexdigest())
    every = hashlib.sha256(" ".join([digests[0], *sorted(digests[1:])]).encode())
    return sum(len(nodes) for nodes in bodies), every.hexdigest()


def _is_a_name(key: str, value: Any) -> bool:
    """Whether an attribute of an operation says how something is called, not what it does."""
    named = key.startswith("_") or key in ("shared_name", "container", "config_proto")
    return named or value.WhichOneof("value") == "func"


def start(checkout: Path) -> tuple[subprocess.Popen[str], dict[str, tuple[int, str]]]:
    """A worker on a checkout, ready to take turns, and the graphs of what it can time."""
    flags_ = (WEIGHTS, BATCH, POINTS, THREADS, CLOCK, PAIRS)
    given = [f"--{flag.name}={flag.value}" for flag in flags_]
    command = [sys.executable, __file__, "--worker", f"--only={','.join(ONLY.value)}", *given]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    if not ready:
        raise RuntimeError(f"the worker on {checkout} did not start")
    return process, json.loads(ready)


def turn(process: subprocess.Popen[str], name: str) -> float:
    """The seconds of one run."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{name}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def interval(ratios: np.ndarray) -> tuple[float, float, float]:
    """The median and its 95 % bootstrap interval."""
    drawn = np.random.default_rng(0).choice(ratios, (4000, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


def main(argv: list[str]) -> int:
    """Runs both checkouts in turns and prints a table."""
    del argv
    if WORKER.value:
        return worker()
    after, new = start(Path(__file__).resolve().parents[1])
    before, old = start(Path(BEFORE.value).resolve())
    ratios: dict[str, list[float]] = {name: [] for name in new if name in old}
    for pair in tqdm(range(PAIRS.value)):
        for name, found in ratios.items():
            first, second = (after, before) if pair % 2 else (before, after)
            seconds = {id(first): turn(first, name), id(second): turn(second, name)}
            found.append(seconds[id(after)] / seconds[id(before)])
    slower = 0
    print(f"SqueezeNet, batch {BATCH.value}, {PAIRS.value} interleaved pairs, after / before")
    for name, found in ratios.items():
        same = new[name] == old[name]
        graphs = f"{new[name][0]} operations, "
        graphs += "the same" if same else f"{old[name][0]} before"
        timed = ""
        if found:
            middle, low, high = interval(np.array(found))
            slower += high > LIMIT.value and not same
            timed = f"{middle:7.3f}  [{low:.3f}, {high:.3f}]"
        print(f"{name:38s}{timed:26s}{graphs}", flush=True)
    for process in (after, before):
        process.kill()
    return int(slower > 0)


if __name__ == "__main__":
    cli.run(main)
