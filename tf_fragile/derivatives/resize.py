"""Resizing as products with constant matrices.

The derivative of `tf.image.resize` has no derivative of its own: for bilinear it is silently
dropped, for the other kinds it is an error. A resize is linear and works on rows and columns one
after the other, so two matrix products say the same; the matrices come from `tf.image.resize`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf


@dataclass(frozen=True, eq=False)
class ExactResize:
    """A resize of images with right derivatives.

    Attributes:
      stands_for: the user's layer or operation.
      size: from (height, width) of the input to that of the output.
      method: as in `tf.image.resize`.
      antialias: likewise.
      channels_first: whether height and width are the last two axes.
    """

    stands_for: Any
    size: Callable[[Any, Any], tuple[Any, Any]]
    method: str
    antialias: bool
    channels_first: bool

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Resizes `x` [..., H, W, C], or [..., C, H, W]."""
        wide = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
        axis = x.shape.rank - (2 if self.channels_first else 3)
        before = [
            tf.shape(x)[axis + i] if x.shape[axis + i] is None else x.shape[axis + i]
            for i in range(2)
        ]
        rows, columns = (
            tf.cast(self._matrix(old, new), wide.dtype)
            for old, new in zip(before, self.size(*before), strict=True)
        )
        if self.channels_first:
            y = tf.einsum("...hw,ah,bw->...ab", wide, rows, columns)
        else:
            y = tf.einsum("...hwc,ah,bw->...abc", wide, rows, columns)
        return y if x.dtype == tf.float64 else tf.cast(y, x.dtype)

    def _matrix(self, old: Any, new: Any) -> Any:
        if isinstance(old, int) and isinstance(new, int):
            return _constant_matrix(old, new, self.method, self.antialias)
        return _matrix(old, new, self.method, self.antialias)


def _matrix(old: Any, new: Any, method: str, antialias: bool) -> tf.Tensor:
    """The matrix [new, old] of a resize along one axis: what becomes of each unit vector."""
    units = tf.eye(old)[None, :, None, :]  # [1, height, 1, channels]: a unit vector a channel
    return tf.image.resize(units, [new, 1], method, antialias=antialias)[0, :, 0, :]


@functools.lru_cache(maxsize=256)
def _constant_matrix(old: int, new: int, method: str, antialias: bool) -> np.ndarray:
    with tf.init_scope():  # not part of a traced function, so compilers need no kernel for it
        matrix: np.ndarray = _matrix(old, new, method, antialias).numpy()
    return matrix
