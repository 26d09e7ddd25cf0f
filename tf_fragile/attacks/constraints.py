"""Where a perturbed input may be, and what a step of a given length is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import tensorflow as tf

from tf_fragile.explainers.noise import bits, normal
from tf_fragile.metrics.rows import per_sample_sum
from tf_fragile.registry import Registry

_SLACK = 1e-3  # of a step of the grid, for rounding in float32


class Ball(Protocol):
    """A ball around the clean input, cut to the valid range.

    Lengths are in input units; everything else is in model units.

    Attributes:
      start: clean inputs [N, ...].
      radius: of the ball in input units, [N, 1, ...].
    """

    @property
    def start(self) -> tf.Tensor:
        """Clean inputs [N, ...]."""

    @property
    def radius(self) -> tf.Tensor:
        """In input units, [N, 1, ...]."""

    def project(self, x: tf.Tensor) -> tf.Tensor:
        """A nearby point of the ball and of the valid range."""

    def rounded(self, x: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """A nearby point of both whose entries are `low` plus multiples of `step`.

        Where the clean input is no such point itself, there may be none in the ball.
        """

    def along(self, direction: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """The step of `length`, a number or [N, 1, ...], that gains most along `direction`."""

    def random(self, seed: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
        """A point of the ball and the range, a function of `seed` [N, 2] and `draw` alone."""


@dataclass(frozen=True)
class Linf:
    """`max |x - start| <= radius`.

    Attributes:
      start: clean inputs [N, ...].
      radius: in input units, [N, 1, ...].
      unit: the size of one input unit, broadcasting against `start`.
      low: the smallest valid value, broadcasting.
      high: the largest valid value, broadcasting.
    """

    start: tf.Tensor
    radius: tf.Tensor
    unit: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor

    def project(self, x: tf.Tensor) -> tf.Tensor:
        """The nearest point: ball first, then valid range (both keep the other)."""
        reach = self.radius * self.unit
        near = self.start + tf.clip_by_value(x - self.start, -reach, reach)
        return tf.clip_by_value(near, self.low, self.high)

    def rounded(self, x: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The nearest such point, or the next one towards the clean input if that is outside."""
        nearest = _on_grid(tf.round, x, self.low, step)
        down = _on_grid(lambda places: tf.floor(places + _SLACK), x, self.low, step)
        up = _on_grid(lambda places: tf.math.ceil(places - _SLACK), x, self.low, step)
        outside = tf.abs(self.project(nearest) - nearest) > _SLACK * step
        return self.project(tf.where(outside, tf.where(x > self.start, down, up), nearest))

    def along(self, direction: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """Every entry by `length`; sign(0) = 0."""
        return length * self.unit * tf.sign(direction)

    def random(self, seed: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
        """Uniform in the ball."""
        share = tf.cast(bits(seed, draw, tf.shape(self.start)[1:]), self.start.dtype) / 2.0**31
        step = tf.reshape(share, tf.shape(self.start)) * self.radius * self.unit
        return self.project(self.start + step)


@dataclass(frozen=True)
class L2:
    """`||x - start||_2 <= radius`, the norm over all entries in input units.

    Attributes:
      start: clean inputs [N, ...].
      radius: in input units, [N, 1, ...].
      unit: the size of one input unit, broadcasting against `start`.
      low: the smallest valid value, broadcasting.
      high: the largest valid value, broadcasting.
    """

    start: tf.Tensor
    radius: tf.Tensor
    unit: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor

    def project(self, x: tf.Tensor) -> tf.Tensor:
        """Shortened to the ball, then cut to the range, which only shortens further."""
        delta = (x - self.start) / self.unit
        length = _norm(delta)
        inside = delta * tf.minimum(tf.math.divide_no_nan(self.radius, length), 1.0)
        delta = tf.where(length > self.radius, inside, delta)
        return tf.clip_by_value(self.start + delta * self.unit, self.low, self.high)

    def rounded(self, x: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The shift shortened as little as its rounding needs to fit, to 1 part in 64."""
        shares, result = tf.zeros_like(self.radius), self.start
        for halvings in range(7):
            tried = shares + 0.5**halvings
            point = _on_grid(tf.round, self.start + tried * (x - self.start), self.low, step)
            fits = (tried <= 1) & (_norm((point - self.start) / self.unit) <= self.radius)
            shares, result = tf.where(fits, tried, shares), tf.where(fits, point, result)
        return self.project(result)

    def along(self, direction: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """`length` along the gradient in input units."""
        uphill = direction * self.unit
        return length * self.unit * tf.math.divide_no_nan(uphill, _norm(uphill))

    def random(self, seed: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
        """On the sphere, uniformly: in many dimensions that is nearly all of the ball."""
        return self.project(self.start + self.along(normal(seed, draw, self.start), self.radius))


def _on_grid(
    rounding: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, low: tf.Tensor, step: tf.Tensor
) -> tf.Tensor:
    """`x` rounded to `low` plus a multiple of `step`."""
    return low + rounding((x - low) / step) * step


def _norm(x: tf.Tensor) -> tf.Tensor:
    """Euclidean norm [N, 1, ...] of each sample."""
    return tf.sqrt(per_sample_sum(tf.square(x), keepdims=True))


NORMS: Registry[Callable[..., Ball]] = Registry("attack norm")
NORMS.register("linf", Linf)
NORMS.register("l2", L2)
