"""Convolutions with one input channel a group, run by the kernel for depthwise convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.linear import Affine


@dataclass(frozen=True, eq=False)
class DepthwiseTwin:
    """A grouped `Conv2D` as the depthwise convolution that it is.

    Keras hands grouped convolutions to XLA, whose float64 code on CPUs takes hundreds of times
    as long, enough to make the check of a ConvNeXt last an hour.

    Attributes:
      affine: the layer, its variables read at call time.
    """

    affine: Affine

    @property
    def stands_for(self) -> keras.layers.Layer:
        """The user's layer."""
        return self.affine.layer

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The layer's pre-activation for `x` [B, H, W, C]."""
        layer, kernel = self.affine.layer, tf.cast(self.affine.kernels[0], x.dtype)
        height, width, _, filters = kernel.shape
        kernel = tf.reshape(kernel, [height, width, layer.groups, filters // layer.groups])
        y = keras.ops.depthwise_conv(
            x, kernel, layer.strides, layer.padding, layer.data_format, layer.dilation_rate
        )
        bias = self.affine.bias
        return y if bias is None else y + tf.cast(bias, y.dtype)


def is_depthwise(operation: Any) -> bool:
    """Whether `operation` is a grouped convolution that `DepthwiseTwin` can run."""
    if not isinstance(operation, Affine) or type(operation.layer) is not keras.layers.Conv2D:
        return False
    layer = operation.layer
    return (
        layer.groups > 1
        and layer.kernel.shape[2] == 1
        and layer.data_format == "channels_last"
        and len(set(layer.strides)) == 1
        and (layer.strides[0] == 1 or set(layer.dilation_rate) == {1})
    )
