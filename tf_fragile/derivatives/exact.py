"""Normalisations whose second derivative TensorFlow gets right.

`tf.nn.moments` stops the gradient at the mean in its variance. The first derivative stays right,
since the deviations sum to zero, and the second does not. `tf.math.reduce_variance` has no such
shortcut; values are the same to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


@dataclass(frozen=True, eq=False)
class ExactMoments:
    """`keras.ops.moments` with a right second derivative.

    Attributes:
      stands_for: the user's operation.
      axes: the axes that are reduced.
      keepdims: whether they stay as axes of size one.
    """

    stands_for: Any
    axes: Any
    keepdims: bool

    def __call__(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and variance of `x`."""
        wide = _at_least_float32(x)
        moments = _moments(wide, self.axes, self.keepdims)
        return tf.cast(moments[0], x.dtype), tf.cast(moments[1], x.dtype)


@dataclass(frozen=True, eq=False)
class ExactLayerNorm:
    """A `LayerNormalization` layer with a right second derivative.

    Attributes:
      stands_for: the user's layer; its variables are read at call time.
    """

    stands_for: keras.layers.LayerNormalization

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The layer's output for `x`."""
        layer = self.stands_for
        y = layer_norm(x, layer.gamma, layer.beta, layer.axis, layer.epsilon, layer.rms_scaling)
        return tf.cast(y, _result_dtype(x, layer))


@dataclass(frozen=True, eq=False)
class ExactLayerNormOperation:
    """`keras.ops.layer_normalization` with a right second derivative.

    Attributes:
      stands_for: the user's operation.
      axis: the axes that are normalised.
      epsilon: added to the variance.
      rms_scaling: whether to leave the mean where it is.
    """

    stands_for: Any
    axis: Any
    epsilon: float
    rms_scaling: bool

    def __call__(self, x: tf.Tensor, gamma: Any = None, beta: Any = None) -> tf.Tensor:
        """The operation's output for `x`."""
        y = layer_norm(x, gamma, beta, self.axis, self.epsilon, self.rms_scaling)
        return tf.cast(y, x.dtype)


@dataclass(frozen=True, eq=False)
class ExactGroupNorm:
    """A `GroupNormalization` layer with a right second derivative.

    Attributes:
      stands_for: the user's layer; its variables are read at call time.
    """

    stands_for: keras.layers.GroupNormalization

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The layer's output for `x`."""
        layer, wide = self.stands_for, _at_least_float32(x)
        axis = layer.axis % x.shape.rank
        sizes: list[Any] = [
            tf.shape(x)[i] if size is None else size for i, size in enumerate(x.shape)
        ]
        split = [*sizes[:axis], layer.groups, sizes[axis] // layer.groups, *sizes[axis + 1 :]]
        grouped = tf.reshape(wide, split)
        reduced = [i for i in range(1, len(split)) if i != axis]
        mean, variance = _moments(grouped, reduced, keepdims=True)
        channels = [1] * len(split)
        channels[axis], channels[axis + 1] = layer.groups, -1
        scale = tf.math.rsqrt(variance + layer.epsilon)
        if layer.scale:
            scale *= tf.reshape(tf.cast(layer.gamma, wide.dtype), channels)
        y = (grouped - mean) * scale
        if layer.center:
            y += tf.reshape(tf.cast(layer.beta, wide.dtype), channels)
        return tf.cast(tf.reshape(y, sizes), _result_dtype(x, layer))


def layer_norm(
    x: tf.Tensor, gamma: Any, beta: Any, axis: Any, epsilon: float, rms_scaling: bool
) -> tf.Tensor:
    """Layer normalisation as Keras defines it, in float32 or better.

    Args:
      x: any shape.
      gamma: scale of the shape of the normalised axes, or `None`.
      beta: offset likewise, or `None`.
      axis: an axis or several.
      epsilon: added to the variance.
      rms_scaling: Keras' deprecated option: no mean taken off, no offset added.

    Source: Ba et al. 2016.
    """
    x = _at_least_float32(x)
    axes = sorted([axis] if isinstance(axis, int) else axis)
    mean, variance = _moments(x, axes, keepdims=True)
    along = [1] * x.shape.rank
    for i in axes:
        along[i] = x.shape[i]
    scale = tf.math.rsqrt(variance + epsilon)
    if gamma is not None:
        scale *= tf.reshape(tf.cast(gamma, x.dtype), along)
    if rms_scaling:
        return x * scale
    y = (x - mean) * scale
    return y if beta is None else y + tf.reshape(tf.cast(beta, x.dtype), along)


def _moments(x: tf.Tensor, axes: Sequence[int], keepdims: bool) -> tuple[tf.Tensor, tf.Tensor]:
    mean = tf.reduce_mean(x, axes, keepdims=keepdims)
    return mean, tf.math.reduce_variance(x, axes, keepdims=keepdims)


def _at_least_float32(x: tf.Tensor) -> tf.Tensor:
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)


def _result_dtype(x: tf.Tensor, layer: keras.Layer) -> tf.DType:
    """The layer's own, but float64 stays float64."""
    return x.dtype if x.dtype == tf.float64 else tf.as_dtype(layer.compute_dtype)
