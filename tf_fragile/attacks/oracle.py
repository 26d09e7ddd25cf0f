"""What an optimiser may ask about the map under attack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Oracle:
    """Answers about all rows at once, each row independent of the others.

    Attributes:
      ascent: `(x, progress)` to the objective's gradient on the surrogate, `progress` from 0 to 1.
      secant: `(x, h)` to the same on the true network by differences of maps `h` input units away.
      retreat: `x` to the gradient of the margin of the label that has to be kept.
      slack: [N], the margin of the current iterate as a share of the clean one's.
    """

    ascent: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    secant: Callable[[tf.Tensor, float], tf.Tensor]
    retreat: Callable[[tf.Tensor], tf.Tensor]
    slack: tf.Tensor
