"""Max pooling and local response normalisation with right second derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True, eq=False)
class ExactMaxPool:
    """A max pool with stride 1 and "same" padding, padded before instead.

    On CPUs, TensorFlow's kernel for the second derivative takes over the memory of what it is
    given where input and output are of one size, sets it to zero and then reads it: in a graph,
    though not eagerly, second derivatives vanish behind such a pool. Padding by the lowest number
    changes the size and no value.

    Attributes:
      stands_for: the user's layer or operation.
      pool_size: the window along each axis of the map, or one number for all.
      channels_first: whether the channel axis stands before those.
    """

    stands_for: Any
    pool_size: int | Sequence[int]
    channels_first: bool

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The maxima over windows of `x`, of its shape."""
        window = self.pool_size
        window = (window,) * (x.shape.rank - 2) if isinstance(window, int) else tuple(window)
        pads = [[(size - 1) // 2, size // 2] for size in window]
        channels = [[0, 0]]
        pads = [[0, 0], *channels, *pads] if self.channels_first else [[0, 0], *pads, *channels]
        data_format = "channels_first" if self.channels_first else "channels_last"
        x = tf.pad(x, pads, constant_values=x.dtype.min)
        return keras.ops.max_pool(x, window, 1, "valid", data_format)


@dataclass(frozen=True, eq=False)
class ExactLocalResponse:
    """`tf.nn.local_response_normalization` of channels-last maps, with a second derivative.

    Source: Krizhevsky et al. 2012, section 3.3, with TensorFlow's defaults.

    Attributes:
      stands_for: the user's layer.
      depth_radius: half the window, in channels.
      bias: as in the formula.
      alpha: likewise.
      beta: likewise.
    """

    stands_for: Any
    depth_radius: int = 5
    bias: float = 1.0
    alpha: float = 1.0
    beta: float = 0.5

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """`x (bias + alpha sum of squares over the window)^-beta`."""
        channel = np.arange(x.shape[-1])
        window = np.abs(channel[:, None] - channel) <= self.depth_radius
        squares = tf.linalg.matmul(
            tf.reshape(x**2, [-1, x.shape[-1]]), tf.constant(window, x.dtype)
        )
        return x * tf.reshape(self.bias + self.alpha * squares, tf.shape(x)) ** -self.beta
