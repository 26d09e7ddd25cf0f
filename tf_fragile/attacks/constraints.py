"""Where a perturbed input may be."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Box:
    """The L-infinity ball around the clean input, within the valid range; all in model units.

    Attributes:
      start: clean inputs [N, ...].
      radius: the ball's radius, broadcasting against `start`.
      low: the smallest valid value, broadcasting.
      high: the largest valid value, broadcasting.
    """

    start: tf.Tensor
    radius: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor

    def project(self, x: tf.Tensor) -> tf.Tensor:
        """The nearest point of the box: ball first, then valid range (both keep the other)."""
        near = self.start + tf.clip_by_value(x - self.start, -self.radius, self.radius)
        return tf.clip_by_value(near, self.low, self.high)
