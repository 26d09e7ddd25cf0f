"""What every explainer costs in one checkout beside another: no change may make maps slower.

    python bench/versions.py --before=../before --points=5 --weights=squeezenet_v1.0_imagenet.npz

Each checkout runs in a process of its own, traced once; then they take turns, one round each, so
that drift of the machine hits both alike. Printed is the median of the ratio after / before over
the pairs with a bootstrap interval; exit code 1 where the upper end is above --limit.
"""

from __future__ import annotations

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

from tf_fragile import cli

BEFORE = flags.DEFINE_string("before", "", "The other checkout.")
PAIRS = flags.DEFINE_integer("pairs", 15, "Rounds of each checkout.", lower_bound=2)
LIMIT = flags.DEFINE_float("limit", 1.05, "The largest upper end of an interval that passes.")
WORKER = flags.DEFINE_bool("worker", False, "Be one of the two processes.")


def worker() -> int:
    """Traces every explainer once, then times one round for each line of its input."""
    import tensorflow as tf

    import tf_fragile as tff
    from tf_fragile.attacks.loop import Loop
    from tf_fragile.attacks.problem import clean, make_problem
    from tf_fragile.attacks.state import spatial_map
    from tf_fragile.backprop.network import as_network
    from tf_fragile.data.preprocessing import PREPROCESSINGS
    from tf_fragile.explainers.catalog import EXPLAINERS
    from tf_fragile.explainers.noise import sample_seeds
    from tf_fragile.models import zoo

    network = as_network(zoo.load("squeezenet_v1.0", weights=WEIGHTS.value))
    preprocessing = PREPROCESSINGS["squeezenet_v1.0"]
    shape = (BATCH.value, *network.model.input_shape[1:])
    pixels = np.random.default_rng(0).uniform(0, 255, shape)
    x = tf.constant(preprocessing.forward(pixels), tf.float32)
    label, seeds = network.predict(x), sample_seeds(0, BATCH.value)
    runs: dict[str, Any] = {}
    for name in ONLY.value or EXPLAINERS:
        chosen = settings(name, preprocessing.range, network, x)
        explainer = tff.explain(name, network, **chosen)
        compiled = tf.function(explainer.attribute, autograph=False)
        runs[name] = lambda compiled=compiled: compiled(x, label, seeds)
    attack = tff.attack("top_k", k=1000)
    explainer = tff.explain("gradient", network)
    loop: Loop = attack.loop(explainer, 1000)
    reference = spatial_map(explainer(x, label, seeds))
    problem = make_problem(
        attack.objective, preprocessing.range, np.array([8.0]), x, label, label, reference, seeds,
        *clean(loop, x, label),
    )  # fmt: skip
    gradient = tf.function(loop.step_gradient, autograph=False)
    runs["attack gradient (top_k, softplus)"] = lambda: gradient(x, problem)
    for run in runs.values():
        for _ in range(2):
            run()
    print("ready", flush=True)
    for _ in sys.stdin:
        seconds = {}
        for name, run in runs.items():
            started = time.perf_counter()
            tf.nest.map_structure(lambda t: t.numpy(), run())
            seconds[name] = time.perf_counter() - started
        print(json.dumps(seconds), flush=True)
    return 0


def start(checkout: Path) -> subprocess.Popen[str]:
    """A worker on a checkout, ready to take turns."""
    given = [f"--{f.name}={f.value}" for f in (WEIGHTS, BATCH, POINTS)]
    command = [sys.executable, __file__, "--worker", f"--only={','.join(ONLY.value)}", *given]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        raise RuntimeError(f"the worker on {checkout} did not start")
    return process


def turn(process: subprocess.Popen[str]) -> dict[str, float]:
    """The seconds of one round."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


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
    after, before = start(Path(__file__).resolve().parents[1]), start(Path(BEFORE.value).resolve())
    rounds = [
        (turn(after), turn(before)) if pair % 2 else (turn(before), turn(after))[::-1]
        for pair in range(PAIRS.value)
    ]
    slower = 0
    print(f"SqueezeNet, batch {BATCH.value}, {PAIRS.value} interleaved pairs, after / before")
    for name in rounds[0][0]:
        ratios = np.array([new[name] / old[name] for new, old in rounds if name in old])
        middle, low, high = interval(ratios)
        slower += high > LIMIT.value
        print(f"{name:38s}{middle:7.3f}  [{low:.3f}, {high:.3f}]", flush=True)
    for process in (after, before):
        process.kill()
    return int(slower > 0)


if __name__ == "__main__":
    cli.run(main)
