"""Derivatives by gradient tape against differences, for any score of any inputs.

Differences of the score check the first derivative, differences of the gradient the second. A
derivative is right if it meets the difference quotient at one step size, and wrong if two step
sizes agree with each other far better than with it. Across a kink (a max pool, a ReLU) quotients
grow as one over the step and agree with nothing: such a direction is left open, and the caller
draws another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

Score = Callable[[Any], tf.Tensor]
OPEN, RIGHT, WRONG = 0, 1, 2
_ALIKE = 0.1  # quotients further apart than this say nothing
# How many times further than from each other a wrong derivative must be; two numbers come close
# by chance more easily than two vectors do.
_NUMBERS_APART, _VECTORS_APART = 100.0, 10.0
_ROUNDINGS = 1e3  # what a deep network makes of one rounding


@dataclass(frozen=True)
class Ladder:
    """The step sizes that are tried, and what counts as right.

    Attributes:
      name: the precision it is for: `"float64"`, `"mixed"` (float64 with operations that only
        exist in float32) or `"float32"`.
      steps: from large to small, in units of the direction.
      tolerance: the largest relative error of a right H v.
      first_tolerance: that of a right slope. Looser: kinks leave their mark on differences of the
        score at every step size, and on differences of the gradient at hardly any or all over.
      epsilon: one rounding, relative.
    """

    name: str
    steps: tuple[float, ...]
    tolerance: float
    first_tolerance: float
    epsilon: float


FLOAT64 = Ladder("float64", (1e-4, 1e-5, 1e-6, 1e-7, 1e-8), 1e-4, 1e-2, 2.0**-53)
MIXED = Ladder("mixed", (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4), 1e-3, 1e-2, 2.0**-24)
FLOAT32 = Ladder("float32", (1e-1, 3e-2, 1e-2, 3e-3, 1e-3), 2e-2, 5e-2, 2.0**-24)


@dataclass(frozen=True)
class Derivatives:
    """A score [B] as a function of inputs [B, ...], with its first two derivatives.

    Attributes:
      gradient: `x -> (score [B], gradient in the nesting of x)`.
      curvature: `(x, v) -> H v` in the nesting of `x`, by reverse over reverse as attacks do.
    """

    gradient: Callable[[Any], tuple[tf.Tensor, Any]]
    curvature: Callable[[Any, Any], Any]


def derivatives_of(score: Score) -> Derivatives:
    """The derivatives of `score` by gradient tapes; zeros where nothing is connected.

    They run as graphs, as in an attack: kernels that reuse memory can be right eagerly and wrong
    in a graph. Never by XLA, which has no float64 kernels for pooling.

    Args:
      score: from inputs to [B], sample by sample.
    """

    def gradient(x: Any) -> tuple[tf.Tensor, Any]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = score(x)
        return value, tape.gradient(value, x, unconnected_gradients="zero")

    def curvature(x: Any, v: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            _, first = gradient(x)
            leaves = zip(tf.nest.flatten(first), tf.nest.flatten(v), strict=True)
            slope = tf.add_n([tf.reduce_sum(g * d) for g, d in leaves])
        return tape.gradient(slope, x, unconnected_gradients="zero")

    return Derivatives(_traced(gradient), _traced(curvature))


def _traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as a graph, made at the first call, for tensors of those shapes only.

    A plain `tf.function` would warn of retracing, since each layer's score is a new function.
    """
    made: list[Callable[..., Any]] = []

    def call(*tensors: Any) -> Any:
        if not made:
            graph = tf.function(function, autograph=False)
            made.append(graph.get_concrete_function(*tensors))
        return made[0](*tensors)

    return call


@dataclass(frozen=True)
class Comparison:
    """What came out for each sample, arrays [B].

    Attributes:
      first: `OPEN`, `RIGHT` or `WRONG` for the gradient.
      first_error: its error along the direction, relative to its typical size there.
      second: the same for H v.
      second_error: ‖H v - quotient‖ over the larger of the two norms.
      curved: whether H v or the quotient stands out of the rounding.
      zero: whether the gradient is zero.
      finite: whether score, gradient and H v are finite.
    """

    first: np.ndarray
    first_error: np.ndarray
    second: np.ndarray
    second_error: np.ndarray
    curved: np.ndarray
    zero: np.ndarray
    finite: np.ndarray


class _Judge:
    """Follows the quotients of one derivative down the ladder, sample by sample."""

    def __init__(self, count: int, tolerance: float, apart: float) -> None:
        self.verdict = np.full(count, OPEN)
        self.error = np.full(count, np.inf)
        self.curved = np.zeros(count, bool)
        self._tolerance, self._apart = tolerance, apart

    def see(self, error: Any, change: Any, noise: np.ndarray, size: np.ndarray) -> None:
        """Takes one step.

        Args:
          error: between derivative and quotient.
          change: of the quotient since the step before.
          noise: what rounding may make of the quotient.
          size: of derivative and quotient, in whose units the rest is judged.
        """
        visible = size > noise
        error = np.where(visible, _share(error, size), 0.0)
        change, noise = _share(change, size), _share(noise, size)
        right = error <= self._tolerance  # not where the error is nan
        doubt = np.maximum(np.maximum(self._apart * change, noise), self._tolerance)
        wrong = (change <= _ALIKE) & (error > doubt)
        still = self.verdict == OPEN
        self.verdict = np.where(still & wrong, WRONG, np.where(still & right, RIGHT, self.verdict))
        decided = still & (self.verdict != OPEN)
        self.error = np.where(decided, error, self.error)
        self.curved = np.where(decided, visible, self.curved)


def compare(derivatives: Derivatives, x: Any, v: Any, ladder: Ladder) -> Comparison:
    """First and second derivative at `x` along `v` against central differences.

    The whole vector H v is compared, not only v·H v: a wrong term can cancel in the scalar.

    Args:
      derivatives: of a score that treats samples one by one.
      x: [B, ...] tensors in any nesting, in the precision of the ladder.
      v: directions like `x`, as long as the inputs' own spread.
      ladder: step sizes and tolerances.
    """
    value, gradient = derivatives.gradient(x)
    curvature = derivatives.curvature(x, v)
    slope, length = _dot(gradient, v), _norm(gradient)
    typical = 0.1 * _norm(tf.nest.map_structure(tf.multiply, gradient, v))
    count = len(length)
    first = _Judge(count, ladder.first_tolerance, _NUMBERS_APART)
    second = _Judge(count, ladder.tolerance, _VECTORS_APART)
    finite = np.isfinite(value.numpy()) & np.isfinite(length) & np.isfinite(_norm(curvature))
    before: tuple[np.ndarray, Any] | None = None
    for step in ladder.steps:
        (up, up_gradient), (down, down_gradient) = (
            derivatives.gradient(_moved(x, v, sign * step)) for sign in (1, -1)
        )
        rise = (up.numpy() - down.numpy()) / (2 * step)
        turn = tf.nest.map_structure(partial(_quotient, step), up_gradient, down_gradient)
        noise = _ROUNDINGS * ladder.epsilon / step
        change = np.inf if before is None else np.abs(rise - before[0])
        size = np.maximum.reduce([np.abs(slope), np.abs(rise), typical])
        first.see(np.abs(slope - rise), change, noise * np.abs(value.numpy()), size)
        change = np.inf if before is None else _distance(turn, before[1])
        size = np.maximum(_norm(curvature), _norm(turn))
        second.see(_distance(curvature, turn), change, noise * length, size)
        before = rise, turn
        if np.all((first.verdict != OPEN) & (second.verdict != OPEN)):
            break
    return Comparison(
        first.verdict, first.error, second.verdict, second.error, second.curved, length == 0, finite
    )


def _quotient(step: float, up: tf.Tensor, down: tf.Tensor) -> tf.Tensor:
    return (up - down) / (2 * step)


def _share(part: Any, whole: np.ndarray) -> np.ndarray:
    """`part / whole` [B], zero where both are."""
    part = np.broadcast_to(part, whole.shape)
    share = np.where(part > 0, np.inf, 0.0)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _moved(x: Any, v: Any, step: float) -> Any:
    return tf.nest.map_structure(lambda a, d: a + step * d, x, v)


def _dot(a: Any, b: Any) -> np.ndarray:
    pairs = zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True)
    product: np.ndarray = np.sum([_rows(p * q).sum(axis=1) for p, q in pairs], axis=0)
    return product


def _norm(a: Any) -> np.ndarray:
    norm: np.ndarray = np.sqrt(_dot(a, a))
    return norm


def _distance(a: Any, b: Any) -> np.ndarray:
    return _norm(tf.nest.map_structure(tf.subtract, a, b))


def _rows(a: tf.Tensor) -> np.ndarray:
    """`a` as float64 [B, entries]."""
    values: np.ndarray = a.numpy().astype(np.float64)
    return values.reshape(values.shape[0], -1)
