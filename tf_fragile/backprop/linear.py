"""The affine part of a weighted layer, its weights read at call time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.wrappers import keras_class

WEIGHTED = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_TRANSPOSE = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


@dataclass(frozen=True, eq=False)
class Affine:
    """A weighted layer without its activation: `linear(x, kernel) + bias`.

    Attributes:
      layer: a layer that computes as one of the classes in `WEIGHTED` does.
    """

    layer: keras.Layer

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The pre-activation of the layer for input `x`."""
        z = self.linear(x, self.kernels)
        bias = self.bias
        return z if bias is None else z + tf.cast(bias, z.dtype)

    @property
    def kernels(self) -> tuple[tf.Tensor, ...]:
        """The layer's kernels as they are now: one, or depthwise and pointwise."""
        layer = self.layer
        if isinstance(layer, _SEPARABLE):
            weights: tuple[Any, ...] = (layer.depthwise_kernel, layer.pointwise_kernel)
        elif isinstance(layer, _DEPTHWISE):
            weights = (layer.kernel,)
        else:
            weights = (layer.kernel,)
        return tuple(tf.convert_to_tensor(w) for w in weights)

    @property
    def bias(self) -> tf.Tensor | None:
        """The bias as it is now, shaped to broadcast against the output, or `None`."""
        layer = self.layer
        if layer.bias is None:
            return None
        bias = tf.convert_to_tensor(layer.bias)
        if getattr(layer, "data_format", "channels_last") == "channels_first":
            return tf.reshape(bias, [-1] + [1] * layer.rank)
        return bias

    def linear(self, x: tf.Tensor, kernels: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """The linear map of the layer with `kernels` in place of its own, no bias."""
        layer = self.layer
        kernels = tuple(tf.cast(kernel, x.dtype) for kernel in kernels)
        if isinstance(layer, keras.layers.Dense):
            return keras.ops.matmul(x, kernels[0])
        if isinstance(layer, keras.layers.EinsumDense):
            return keras.ops.einsum(layer.equation, x, kernels[0])
        options = {"strides": layer.strides, "data_format": layer.data_format}
        if isinstance(layer, _TRANSPOSE):
            return keras.ops.conv_transpose(
                x,
                kernels[0],
                padding=layer.padding,
                output_padding=layer.output_padding,
                dilation_rate=layer.dilation_rate,
                **options,
            )
        padding, options["dilation_rate"] = layer.padding, layer.dilation_rate
        if padding == "causal":
            x, padding = _pad_causal(x, layer), "valid"
        options["padding"] = padding
        if isinstance(layer, _SEPARABLE):
            return keras.ops.separable_conv(x, kernels[0], kernels[1], **options)
        if isinstance(layer, _DEPTHWISE):
            return keras.ops.depthwise_conv(x, kernels[0], **options)
        return keras.ops.conv(x, kernels[0], **options)


def is_weighted(operation: Any) -> bool:
    """Whether `operation` is a layer whose affine part we can take.

    Subclasses are where they inherit the computation as it is.
    """
    known = keras_class(operation) in WEIGHTED
    return known and getattr(operation, "quantization_mode", None) is None


def _pad_causal(x: tf.Tensor, layer: keras.Layer) -> tf.Tensor:
    left = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
    time_last = layer.data_format == "channels_first"
    return tf.pad(x, [[0, 0], [0, 0], [left, 0]] if time_last else [[0, 0], [left, 0], [0, 0]])
