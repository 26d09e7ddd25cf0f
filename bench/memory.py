"""Peak memory of integrated gradients against the number of steps: it must not grow.

    python bench/memory.py

Each number of steps runs in a process of its own, whose peak the operating system reports; the
map alone, then the map's derivative, which an attack needs.
"""

from __future__ import annotations

import multiprocessing
import resource

from absl import flags

from tf_fragile import cli

STEPS = flags.DEFINE_list("steps", ["2", "16", "128"], "Numbers of steps.")
BATCH = flags.DEFINE_integer("batch", 4, "Images at once.", lower_bound=1)


def peak(steps: int, batch: int, derivative: bool) -> float:
    """Peak resident memory in MiB of one map, or of one derivative of a map."""
    with cli.quiet_start():
        import tensorflow as tf

        import tf_fragile as tff
        from tf_fragile.models import zoo

        model = zoo.load("squeezenet_v1.0", weights="random")
    explainer = tff.explain("integrated_gradients", model, steps=steps)
    x = tf.random.stateless_uniform((batch, 227, 227, 3), (1, 2), -100, 100)

    def slope(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(tf.square(explainer(x, target=0)))
        return tape.gradient(value, x)

    compiled = tf.function(slope, autograph=False)
    (compiled(x) if derivative else explainer(x, target=0)).numpy()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(argv: list[str]) -> int:
    """Prints a table of peaks."""
    del argv
    print(f"integrated_gradients on SqueezeNet, batch {BATCH.value}: peak resident memory, MiB")
    print(f"{'steps':>8s}{'map':>10s}{'derivative':>12s}")
    context = multiprocessing.get_context("spawn")
    for steps in map(int, STEPS.value):
        peaks = []
        for derivative in (False, True):
            with context.Pool(1) as pool:
                peaks.append(pool.apply(peak, (steps, BATCH.value, derivative)))
        print(f"{steps:8d}{peaks[0]:10.0f}{peaks[1]:12.0f}", flush=True)
    return 0


if __name__ == "__main__":
    cli.run(main)
