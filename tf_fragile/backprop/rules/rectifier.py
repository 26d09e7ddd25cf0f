"""What the gradient family does at a ReLU: guided backprop, deconvnet, RectGrad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.rules.division import positive
from tf_fragile.backprop.rules.structural import gradient

Tensors = Sequence[tf.Tensor]


def guided_backprop(
    node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
) -> Tensors:
    """`R⁺` times the derivative of the rectifier. Source: Springenberg et al. 2014."""
    return gradient(node, inputs, output, positive(relevance))


def cut_after_routing(
    node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
) -> Tensors:
    """Guided backprop at a max pool that was moved in front of its ReLU.

    What overlapping windows send to one entry adds up before the negative is cut, as it does at
    the ReLU in front of the pool; the derivative of the ReLU is the same on either side.
    """
    (routed,) = gradient(node, inputs, output, relevance)
    return [positive(routed)]


def deconvnet(node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor) -> Tensors:
    """`R⁺`, whatever the forward pass did. Source: Zeiler & Fergus 2013."""
    return [positive(relevance)]


@dataclass(frozen=True)
class RectGrad:
    """`R · 1[a R > τ] · 1[z > 0]`, τ the q-th percentile of `a R` over the layer's units.

    The percentile is the nearest-rank one of each sample, over all axes but the batch.

    Source: Kim et al. 2019, eq. 3; Sixt et al. 2020 ran q = 98.

    Attributes:
      q: the percentile, 0 to 100.
    """

    q: float = 98.0

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`."""
        product = output * relevance
        threshold = nearest_percentile(tf.stop_gradient(product), self.q)
        return gradient(
            node, inputs, output, relevance * tf.cast(product > threshold, relevance.dtype)
        )


def nearest_percentile(x: tf.Tensor, q: float) -> tf.Tensor:
    """The q-th percentile of each sample of `x` [B, ...] by nearest rank, as [B, 1, ...]."""
    flat = tf.reshape(x, [tf.shape(x)[0], -1])
    # The static size where it is known: XLA compiles no top_k of a size it can't see.
    size = x.shape[1:].num_elements() or tf.shape(flat)[1]
    if isinstance(size, int):
        flat.set_shape([None, size])
        above = size - round((size - 1) * q / 100)
    else:
        rank = tf.round(tf.cast(size - 1, tf.float64) * (q / 100))
        above = size - tf.cast(rank, tf.int32)
    threshold = tf.math.top_k(flat, above, sorted=True).values[:, -1]
    return tf.reshape(threshold, [-1] + [1] * (x.shape.rank - 1))


@dataclass(frozen=True)
class ProportionalRedistribution:
    """PRR: a max pool's relevance in proportion to the activations of the window.

    `R_i = x_i · AvgPoolᵀ(R / (AvgPool(x) + 1e-10))`. Source: Kim et al. 2019, reference code.
    """

    def __call__(
        self, node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor
    ) -> Tensors:
        """See `walk.Rule`; `node` is a max pooling layer."""
        layer, (x,) = node.operation, inputs
        last = layer.data_format == "channels_last"
        layout = {1: "NWC", 2: "NHWC", 3: "NDHWC"} if last else {1: "NCW", 2: "NCHW", 3: "NCDHW"}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            mean = tf.nn.avg_pool(
                x,
                layer.pool_size,
                layer.strides,
                layer.padding.upper(),
                layout[len(layer.pool_size)],
            )
        share = relevance / (mean + tf.cast(1e-10, mean.dtype))
        return [x * tape.gradient(mean, x, output_gradients=share)]


def padding_trick(node: Node, inputs: Tensors, output: tf.Tensor, relevance: tf.Tensor) -> Tensors:
    """The gradient of a padded convolution without the relevance of its outermost outputs.

    Source: Kim et al. 2019, reference code; padding makes artefacts along the border.
    """
    last = getattr(node.operation.layer, "data_format", "channels_last") == "channels_last"
    return gradient(node, inputs, output, without_border(relevance, channels_last=last))


def without_border(relevance: tf.Tensor, channels_last: bool = True) -> tf.Tensor:
    """`relevance` with a border of one entry set to zero along every spatial axis."""
    rank, shape = relevance.shape.rank, tf.shape(relevance)
    for axis in range(1, rank - 1) if channels_last else range(2, rank):
        place = tf.range(shape[axis])
        inside = tf.cast((place > 0) & (place < shape[axis] - 1), relevance.dtype)
        relevance *= tf.reshape(inside, [-1 if i == axis else 1 for i in range(rank)])
    return relevance
