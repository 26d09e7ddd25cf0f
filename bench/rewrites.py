"""What each rewrite of the graph buys: gradient and attack gradient, one rewrite after another.

    python bench/rewrites.py --weights=.../squeezenet_v1.0_imagenet.npz

The same computation five times, each with one more rewrite, timed in turns in one run; ratios
are to the model's own forward pass. `docs/results/performance.md` keeps a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import tensorflow as tf
from absl import flags
from timing import in_turns

from tf_fragile import cli
from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.backprop.rewrites import (
    hoist_max_pools,
    space_to_depth_convolutions,
    split_concatenations,
    target_column,
)
from tf_fragile.metrics.readouts import read_out
from tf_fragile.models import zoo
from tf_fragile.surrogates import Softplus

WEIGHTS = flags.DEFINE_string("weights", "random", "SqueezeNet's weights.")
BATCH = flags.DEFINE_integer("batch", 16, "Images at once.", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 7, "Rounds that count.", lower_bound=1)

Score = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Variant:
    """A way to compute the target's logit, on the true and on the surrogate graph."""

    name: str
    true: Score
    surrogate: Score


def plain_softplus(node: Node) -> Node:
    """ReLU as `tf.nn.softplus`, the obvious surrogate."""
    is_relu = isinstance(node.operation, Activation) and node.operation.kind == "relu"
    return replace(node, operation=Activation("softplus", tf.nn.softplus)) if is_relu else node


def gathered(graph: Graph) -> Score:
    """The logit taken from all logits."""
    return lambda x, target: tf.gather(graph(x), target, batch_dims=1)


def column(graph: Graph) -> Score:
    """The logit computed alone."""
    alone = target_column(graph)
    assert alone is not None
    return lambda x, target: alone([x, target])[:, 0]


def variants(network: Network) -> list[Variant]:
    """The recorded graph, then one more rewrite each time."""
    graph, smooth = network.graph, Softplus().apply(network).graph
    assert graph is not None
    assert smooth is not None
    rewrites: list[tuple[str, Callable[[Graph], Graph]]] = [
        ("+ max pools before activations", hoist_max_pools),
        ("+ convolutions of parts", split_concatenations),
        ("+ first convolution space-to-depth", space_to_depth_convolutions),
    ]
    found = [
        Variant(
            "recorded graph, tf.nn.softplus", gathered(graph), gathered(graph.map(plain_softplus))
        ),
        Variant("+ one-sigmoid softplus", gathered(graph), gathered(smooth)),
    ]
    true = graph
    for name, rewrite in rewrites:
        true, smooth = rewrite(true), rewrite(smooth)
        found.append(
            Variant(name, gathered(true.pruned().sorted()), gathered(smooth.pruned().sorted()))
        )
    true, smooth = true.pruned().sorted(), smooth.pruned().sorted()
    found.append(Variant("+ target's column alone", column(true), column(smooth)))
    return found


def gradient(score: Score) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The input gradient of the score."""

    def run(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = score(x, target)
        return tape.gradient(value, x)

    return run


def attack_gradient(score: Score) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """The gradient of the top-k objective on the surrogate."""
    inner = gradient(score)

    def run(x: tf.Tensor, target: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = tf.reduce_sum(mask * read_out(inner(x, target)))
        return tape.gradient(value, x)

    return run


def main(argv: list[str]) -> int:
    """Times every variant and prints a table."""
    del argv
    with cli.quiet_start():
        model = zoo.load("squeezenet_v1.0", weights=WEIGHTS.value)
    x = tf.random.stateless_uniform((BATCH.value, 227, 227, 3), (1, 2), -110, 140)
    target = tf.argmax(model(x), -1, output_type=tf.int32)
    mask = tf.cast(tf.random.stateless_uniform((BATCH.value, 227, 227), (3, 4)) < 0.02, tf.float32)
    forward = tf.function(lambda x: model(x, training=False), autograph=False)
    functions: dict[str, Callable[[], tf.Tensor]] = {"forward": lambda: forward(x)}
    found = variants(as_network(model))
    for variant in found:
        true = tf.function(gradient(variant.true), autograph=False)
        step = tf.function(attack_gradient(variant.surrogate), autograph=False)
        functions[f"g {variant.name}"] = partial(true, x, target)
        functions[f"a {variant.name}"] = partial(step, x, target, mask)
    timings = in_turns(functions, ROUNDS.value)
    print(f"SqueezeNet, batch {BATCH.value}: forward passes (median over {ROUNDS.value} rounds)")
    print(f"{'':40s}{'gradient':>10s}{'attack gradient':>17s}")
    for variant in found:
        first, second = (
            timings[f"{kind} {variant.name}"].ratio(timings["forward"])[0] for kind in "ga"
        )
        print(f"{variant.name:40s}{first:10.2f}{second:17.2f}", flush=True)
    return 0


if __name__ == "__main__":
    cli.run(main)
