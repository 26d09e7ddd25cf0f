"""The input Hessian of a score: products with vectors, and its leading eigenvector.

Nothing of the size of the Hessian is ever made: the power iteration keeps one vector an input.

Source: Ghorbani et al. 2019, where the change of a gradient map under a small shift is H δ, so
that the most fragile direction is the leading right singular vector of H.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_fragile.probes.curvature.settings import PowerIteration as PowerIteration

Score = Callable[[tf.Tensor], tf.Tensor]
"""A score [B] of inputs [B, ...], each row a function of its own input alone."""

_ZERO = tf.UnconnectedGradients.ZERO


class Leading(NamedTuple):
    """The leading eigenpair of the Hessian of each row, and the gradient beside it.

    Attributes:
      gradient: of the score [B, ...].
      direction: unit eigenvector of the largest |eigenvalue| [B, ...]; its sign is arbitrary.
        Where the eigenvalue is 0 the Hessian vanishes and it is the start.
      eigenvalue: [B], signed; the Rayleigh quotient of `direction`.
      residual: ‖H v - λ v‖ / ‖H v‖ [B], 0 for an exact eigenvector. It does not fall where two
        eigenvalues of opposite sign are equally large, for then no single direction leads.
      iterations: how many the row took [B], int32.
      converged: whether the row met the tolerance [B].
    """

    gradient: tf.Tensor
    direction: tf.Tensor
    eigenvalue: tf.Tensor
    residual: tf.Tensor
    iterations: tf.Tensor
    converged: tf.Tensor


class Curve(NamedTuple):
    """The gradient of a score at some inputs, and the Hessian there as a linear map.

    Attributes:
      gradient: [B, ...].
      product: H v, row by row, for `v` [B, ...]; may be called inside a `tf.while_loop`.
    """

    gradient: tf.Tensor
    product: Callable[[tf.Tensor], tf.Tensor]


def differentiate(score: Score, x: tf.Tensor) -> Curve:
    """Gradient and Hessian of `score` at `x`, exact for whatever TensorFlow differentiates twice.

    The forward pass and the first derivative are shared by all products.
    """
    x = tf.convert_to_tensor(x)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as outer:
        outer.watch(x)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(x)
            value = score(x)
        gradient = inner.gradient(value, x, unconnected_gradients=_ZERO)

    def product(v: tf.Tensor) -> tf.Tensor:
        # A row of the score depends on its own row of x, so one pull-back serves all rows.
        return outer.gradient(gradient, x, output_gradients=v, unconnected_gradients=_ZERO)

    return Curve(gradient, product)


def leading_eigenpair(
    score: Score, x: tf.Tensor, start: tf.Tensor, settings: PowerIteration | None = None
) -> Leading:
    """The eigenpair of largest |λ| of each row's Hessian, by power iteration on H².

    Squaring takes away the sign flips of negative eigenvalues. Rows that have converged are
    left as they are, so a row's result does not depend on the others.

    Args:
      score: of rows independent of each other; its second derivative must exist (no ReLU).
      x: inputs [B, ...].
      start: [B, ...], not zero and not orthogonal to the answer: random.
      settings: when to stop.
    """
    settings = settings or PowerIteration()
    curve = differentiate(score, x)
    gradient = unit(curve.gradient)
    v = unit(tf.convert_to_tensor(start))
    rows = tf.shape(v)[:1]

    def body(
        step: tf.Tensor, v: tf.Tensor, active: tf.Tensor, taken: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        moved = unit(curve.product(unit(curve.product(v))))
        # Where H v = 0 there is nothing to follow.
        moved = tf.where(_wide(dot(moved, moved) > 0, v), moved, v)
        turned = tf.abs(tf.abs(dot(moved, gradient)) - tf.abs(dot(v, gradient)))
        still = tf.maximum(turned, 1 - tf.abs(dot(moved, v))) >= settings.tolerance
        taken += tf.cast(active, tf.int32)
        return step + 1, tf.where(_wide(active, v), moved, v), active & still, taken

    _, v, active, taken = tf.while_loop(
        lambda step, _, active, __: (step < settings.max_iterations) & tf.reduce_any(active),
        body,
        (tf.constant(0), v, tf.fill(rows, True), tf.zeros(rows, tf.int32)),
        parallel_iterations=1,
    )
    image = curve.product(v)
    eigenvalue = dot(v, image)
    rest = norm(image - _wide(eigenvalue, v) * v)
    residual = tf.math.divide_no_nan(rest, norm(image))
    return Leading(curve.gradient, v, eigenvalue, residual, taken, ~active)


def angle(a: np.ndarray, b: np.ndarray, *, folded: bool = True) -> np.ndarray:
    """The angle between `a` and `b` [B, ...], row by row, in degrees, float64.

    Args:
      a: vectors.
      b: vectors of the same shape.
      folded: whether v and -v are the same direction: [0, 90] instead of [0, 180].

    Returns:
      [B]; NaN where one of them is zero.
    """
    flat_a, flat_b = (np.asarray(t, np.float64).reshape(len(t), -1) for t in (a, b))
    lengths = np.linalg.norm(flat_a, axis=1) * np.linalg.norm(flat_b, axis=1)
    inner = np.sum(flat_a * flat_b, axis=1)
    cosine = np.divide(inner, lengths, out=np.full_like(inner, np.nan), where=lengths > 0)
    cosine = np.clip(np.abs(cosine) if folded else cosine, -1, 1)
    return np.asarray(np.degrees(np.arccos(cosine)))


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Inner products [B] of the rows of `a` and `b` [B, ...]."""
    return tf.reduce_sum(a * b, axis=list(range(1, a.shape.rank)))


def norm(a: tf.Tensor) -> tf.Tensor:
    """Euclidean norms [B] of the rows of `a` [B, ...]; scaled, so that squares do not underflow."""
    largest = tf.reduce_max(tf.abs(a), axis=list(range(1, a.shape.rank)))
    scaled = tf.math.divide_no_nan(a, _wide(largest, a))
    return largest * tf.sqrt(dot(scaled, scaled))


def unit(a: tf.Tensor) -> tf.Tensor:
    """The rows of `a` [B, ...] with length 1; zero rows stay zero."""
    return tf.math.divide_no_nan(a, _wide(norm(a), a))


def _wide(rows: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """`rows` [B] shaped to broadcast against `like` [B, ...]."""
    return tf.reshape(rows, tf.concat([tf.shape(rows), [1] * (like.shape.rank - 1)], 0))
