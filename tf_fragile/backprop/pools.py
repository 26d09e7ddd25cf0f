"""Max pools of volumes, in two steps that settle ties as pools of images do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from tf_fragile.backprop.graph import Graph, Node


@dataclass(frozen=True, eq=False)
class PlanesThenDepth:
    """A 3-D max pool as the maximum over depth of maxima over planes.

    TensorFlow's gradient of the pool of volumes goes in full to every entry that attains the
    maximum, so behind a ReLU whole windows of zeros get a copy each, and relevance is no longer
    kept. That of the pool of images goes to the first one.

    Attributes:
      stands_for: the user's layer, channels last.
    """

    stands_for: keras.layers.MaxPooling3D

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The pooled [B, D, H, W, C]."""
        layer, padding = self.stands_for, self.stands_for.padding.upper()
        (depth, *window), (stride, *strides) = layer.pool_size, layer.strides
        channels, shape = x.shape[-1], tf.shape(x)
        planes = tf.reshape(x, [-1, shape[2], shape[3], channels])
        planes = tf.nn.max_pool2d(planes, window, strides, padding)
        size = tf.shape(planes)
        columns = tf.reshape(planes, [shape[0], shape[1], size[1] * size[2], channels])
        columns = tf.nn.max_pool2d(columns, [depth, 1], [stride, 1], padding)
        return tf.reshape(columns, [shape[0], -1, size[1], size[2], channels])


def volumes_in_two_steps(graph: Graph) -> Graph:
    """`graph` with its 3-D max pools as `PlanesThenDepth`."""

    def change(node: Node) -> Node:
        layer = node.operation
        fits = type(layer) is keras.layers.MaxPooling3D and layer.data_format == "channels_last"
        return replace(node, operation=PlanesThenDepth(layer), kwargs={}) if fits else node

    return graph.map(change)
