"""What each explainer and one attack step cost, in forward passes of the model itself.

    python bench/explainers.py --weights=.../squeezenet_v1.0_imagenet.npz

Prints milliseconds an image and the ratio to the model's own compiled forward pass, taken round
by round in one run: on a noisy machine only the ratios mean something. Inputs are tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags
from timing import in_turns

import tf_fragile as tff
from tf_fragile import cli
from tf_fragile.attacks.cost import price
from tf_fragile.attacks.loop import Loop
from tf_fragile.attacks.problem import clean, make_problem
from tf_fragile.attacks.state import Problem, initial_state
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.backprop.patterns import estimate_patterns
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.ranges import InputRange
from tf_fragile.explainers.catalog import EXPLAINERS
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.metrics.readouts import read_out
from tf_fragile.models import zoo

MODEL = flags.DEFINE_string("model", "squeezenet_v1.0", "A zoo network of one image.")
WEIGHTS = flags.DEFINE_string("weights", "random", "Its weights.")
BATCH = flags.DEFINE_integer("batch", 16, "Images at once.", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 7, "Rounds that count.", lower_bound=1)
POINTS = flags.DEFINE_integer("points", 50, "Path points and noise draws.", lower_bound=2)
ONLY = flags.DEFINE_list("only", [], "Explainers to time; all where empty.")
DERIVATIVES = flags.DEFINE_bool(
    "derivatives", False, "Time the top-k objective's derivative through every explainer, too."
)

STEP = "attack gradient (top_k, softplus)"


def registered(name: str, evaluations: Mapping[str, int]) -> float | None:
    """What entries say that a row takes, in forward passes; `None` for what has no entry."""
    if name == STEP:
        return price("gradient").derivative
    explained = name.removeprefix("derivative of ")
    if explained not in EXPLAINERS:
        return None
    known = price(explained, evaluations[explained])
    return known.map if explained == name else known.derivative


def settings(name: str, limits: InputRange, network: Network, x: tf.Tensor) -> dict[str, Any]:
    """Points of the methods that average; bounds and patterns for those that need them."""
    entry = EXPLAINERS[name]
    own = entry.few(POINTS.value)
    for need in entry.unmet(own):
        patterned = need.what == "patterns"
        given = (estimate_patterns(network, [x]),) if patterned else (limits.low, limits.high)
        own |= dict(zip(need.settings, given, strict=True))
    return own


def main(argv: list[str]) -> int:
    """Builds everything, times it in turns, prints a table."""
    del argv
    with cli.quiet_start():
        model = zoo.load(MODEL.value, weights=WEIGHTS.value)
    network = as_network(model)
    shape = (BATCH.value, *model.input_shape[1:])
    preprocessing = PREPROCESSINGS[zoo.entry(MODEL.value).preprocessing or "raw"]
    limits = preprocessing.range
    pixels = np.random.default_rng(0).uniform(0, 255, shape)
    x = tf.constant(preprocessing.forward(pixels))
    label, seeds = network.predict(x), sample_seeds(0, BATCH.value)

    forward = tf.function(lambda x: model(x, training=False), autograph=False)
    functions: dict[str, Callable[[], tf.Tensor]] = {"forward": lambda: forward(x)}
    attack = tff.attack("top_k", k=1000)

    def attacked(explainer: Explainer) -> tuple[Loop, Problem]:
        loop = attack.loop(explainer, 1000)
        reference = read_out(explainer(x, label, seeds))
        found = clean(loop, x, label)
        problem = make_problem(
            attack.objective, limits, np.array([8.0]), x, label, label, reference, seeds, *found
        )
        return loop, problem

    evaluations: dict[str, int] = {}
    for name in ONLY.value or EXPLAINERS:
        explainer = tff.explain(name, network, **settings(name, limits, network, x))
        run = tf.function(explainer.attribute, autograph=False)
        functions[name] = partial(run, x, label, seeds)
        evaluations[name] = explainer.method.evaluations
        if DERIVATIVES.value:
            derivative, problem = attacked(explainer)
            step = tf.function(derivative.step_gradient, autograph=False)
            functions[f"derivative of {name}"] = partial(step, x, problem)
    loop, problem = attacked(tff.explain("gradient", network))
    state = initial_state(problem)
    gradient = tf.function(loop.step_gradient, autograph=False)
    score = tf.function(loop.score, autograph=False)
    functions[STEP] = lambda: gradient(x, problem)
    functions["attack scoring (map, overlap, label)"] = lambda: score(x, problem)[0]
    functions["attack step (loop of 4, a quarter)"] = lambda: loop.run(problem, state, 0, 4)[0].x

    print(f"{MODEL.value}, batch {BATCH.value}, {ROUNDS.value} rounds, {POINTS.value} points")
    print(f"{'':38s}{'ms/image':>10s}{'x forward':>11s}{'  [min, max]':14s}{'registered':>11s}")
    timings = in_turns(functions, ROUNDS.value)
    for name, timing in timings.items():
        share = 4 if name.startswith("attack step") else 1
        ratio, low, high = (value / share for value in timing.ratio(timings["forward"]))
        known = registered(name, evaluations)
        goal = "" if known is None else f"{known:11.1f}"
        print(
            f"{name:38s}{timing.median * 1e3 / share / BATCH.value:10.2f}{ratio:11.2f}"
            f"  [{low:.2f}, {high:.2f}]".ljust(75)
            + goal,
            flush=True,
        )
    return 0


if __name__ == "__main__":
    cli.run(main)
