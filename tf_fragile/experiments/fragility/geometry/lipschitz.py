"""Bounds on the Lipschitz constant of a network's input gradient, from its layers alone.

For layers y_{i+1} = g(W_i y_i) with |g'| <= G, g' G₂-Lipschitz and operator norms n_i = ‖W_i‖:

* The Jacobian of layer i changes by at most n_i² G₂ per unit of its input, which itself moves by
  at most Π_{k<i} n_k G per unit of x; the layers before and after contribute their own Lipschitz
  constants. Summing over layers,

      Lip(∇S) <= Σ_i n_i² G₂ · Π_{k<i} (n_k G)² · Π_{k>i} n_k G.

* The product Π_i n_i² G₂ is the form in which the robust-design suggestion of Ghorbani et al.
  2019 (appendix) is remembered. With softplus, G₂ = 1/4, it is smaller than the sum where there is
  more than one layer, and is no bound: a unit in its linear range passes on the curvature of the
  next one undiminished.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_fragile.probes.curvature.hessian import (
    PowerIteration,
    differentiate,
    dot,
    leading_eigenpair,
    unit,
)

# Of softplus: g' is a sigmoid.
SLOPE, SLOPE_LIPSCHITZ = 1.0, 0.25

_RATIO_STEP = 1e-4


class Found(NamedTuple):
    """The largest curvature that a search found.

    Attributes:
      curvature: |leading eigenvalue of the Hessian| [B].
      ratio: ‖∇S(x + h v) - ∇S(x - h v)‖ / 2h [B] along its eigenvector v, h small.
      x: where [B, d].
    """

    curvature: np.ndarray
    ratio: np.ndarray
    x: np.ndarray


@dataclass(frozen=True)
class Search:
    """How the largest curvature is looked for.

    Attributes:
      steps: of ascent on |vᵀ H v|.
      step_size: of the first step, in input units; the others shrink to 0.
      power: when the last power iteration ends; those on the way take 5 steps from the last v.
    """

    steps: int
    step_size: float = 0.5
    power: PowerIteration = field(default_factory=lambda: PowerIteration(1e-9, 1000))


def composed_bound(norms: Sequence[float]) -> float:
    """The sum over layers above: no gradient changes faster, per unit of L2 distance.

    Args:
      norms: operator norms of the layers, input first.
    """
    total = 0.0
    for i, norm in enumerate(norms):
        before = math.prod(n * SLOPE for n in norms[:i])
        after = math.prod(n * SLOPE for n in norms[i + 1 :])
        total += norm**2 * SLOPE_LIPSCHITZ * before**2 * after
    return total


def product_form(norms: Sequence[float]) -> float:
    """Π_i ‖W_i‖² Lip(g_i'), which bounds one layer but not more; see above."""
    return math.prod(n**2 * SLOPE_LIPSCHITZ for n in norms)


def random_layers(
    depth: int, width: int, norm: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Normal weights [out, in] of `depth` layers, the last of one unit, each scaled to `norm`."""
    shapes = [(width, width)] * (depth - 1) + [(1, width)]
    drawn = [rng.normal(size=shape) for shape in shapes]
    return [w * (norm / np.linalg.norm(w, ord=2)) for w in drawn]


def deep_softplus(x: tf.Tensor, layers: Sequence[tf.Tensor]) -> tf.Tensor:
    """S [B] of inputs [B, d]; row b goes through the weights [B, out, in] of its own network."""
    for w in layers:
        x = tf.nn.softplus(tf.linalg.matvec(w, x))
    return x[:, 0]


def compiled_search(depth: int, search: Search) -> Callable[..., Found]:
    """A function (layers, x, start) -> Found that climbs from every row of x, compiled once.

    Args:
      depth: how many layers will be given.
      search: how to climb.
    """
    warm = PowerIteration(1e-12, 5)

    def climb(layers: list[tf.Tensor], x: tf.Tensor, start: tf.Tensor) -> Any:
        def score(x: tf.Tensor) -> tf.Tensor:
            return deep_softplus(x, layers)

        def body(step: tf.Tensor, x: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, ...]:
            v = leading_eigenpair(score, x, v, warm).direction
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                curvature = tf.abs(dot(v, differentiate(score, x).product(v)))
            uphill = unit(tape.gradient(curvature, x))
            left = 1 - tf.cast(step, x.dtype) / search.steps
            return step + 1, x + search.step_size * left * uphill, v

        _, x, v = tf.while_loop(
            lambda step, *_: step < search.steps, body, (tf.constant(0), x, start)
        )
        found = leading_eigenpair(score, x, v, search.power)
        ahead, behind = (
            differentiate(score, x + sign * _RATIO_STEP * found.direction).gradient
            for sign in (1, -1)
        )
        change = tf.norm(ahead - behind, axis=1) / (2 * _RATIO_STEP)
        return tf.abs(found.eigenvalue), change, x

    weights = [tf.TensorSpec([None, None, None], tf.float64)] * depth
    rows = tf.TensorSpec([None, None], tf.float64)
    traced = tf.function(climb, input_signature=[weights, rows, rows], autograph=False)

    def run(layers: Sequence[np.ndarray], x: np.ndarray, start: np.ndarray) -> Found:
        return Found(*(np.asarray(t) for t in traced(list(layers), x, start)))

    return run
