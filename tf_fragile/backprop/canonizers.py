"""Rewrites of the recorded graph after which rules see conv and dense layers only.

Each keeps the function: `prove` runs both graphs. Weights are still read at call time, so a model
whose weights change needs no new canonized graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.casts import ToInteger
from tf_fragile.backprop.graph import Graph, Node, single
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.weighted import Reweighted, Weighted, Weights, is_linear, weights_of
from tf_fragile.errors import InputError

L = keras.layers
_SEPARABLE = (L.SeparableConv1D, L.SeparableConv2D)
_TRANSPOSED = (L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose)
_DEPTHWISE = (L.DepthwiseConv1D, L.DepthwiseConv2D)
_TOLERANCE = 1e-4  # mistakes are of the size of the logits
_HALF_TOLERANCE = 2e-2
Shapes = Sequence[Sequence[int | None]]


def split_separable(graph: Graph) -> Graph:
    """Separable convolutions as a depthwise stage and a pointwise one, each with its own rule."""
    nodes: list[Node] = []
    spare = iter(graph.new_slots(len(graph.nodes)))
    for node in graph.nodes:
        operation = node.operation
        if isinstance(operation, Affine) and isinstance(operation.layer, _SEPARABLE):
            middle = next(spare)
            nodes.append(single(_depthwise(operation), node.inputs, middle, node.name))
            nodes.append(single(_pointwise(operation), [middle], node.output, node.name))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _depthwise(affine: Affine) -> Reweighted:
    layer = affine.layer

    def linear(x: tf.Tensor, kernels: tuple[tf.Tensor, ...]) -> tf.Tensor:
        return keras.ops.depthwise_conv(
            x,
            kernels[0],
            strides=layer.strides,
            padding=layer.padding,
            data_format=layer.data_format,
            dilation_rate=layer.dilation_rate,
        )

    return Reweighted(layer, linear, lambda x: (affine.kernels[:1], None))


def _pointwise(affine: Affine) -> Reweighted:
    layer = affine.layer

    def linear(x: tf.Tensor, kernels: tuple[tf.Tensor, ...]) -> tf.Tensor:
        return keras.ops.conv(x, kernels[0], data_format=layer.data_format)

    return Reweighted(layer, linear, lambda x: (affine.kernels[1:], affine.bias))


def fold_batch_norms(graph: Graph) -> Graph:
    """Batch norms merged into the weighted layer before them, else into the ones after them.

    A batch norm that has neither as its only neighbour (as between an Add and a ReLU) stays.
    """
    for norm in graph.nodes:
        if type(norm.operation) is L.BatchNormalization:
            graph = _fold_back(graph, norm) or _fold_forward(graph, norm) or graph
    return graph


def _fold_back(graph: Graph, norm: Node) -> Graph | None:
    """The graph with `norm` merged into the weighted layer whose output only it reads."""
    source = graph.producers().get(norm.inputs[0])
    only = len(graph.consumers()[norm.inputs[0]]) == 1 and norm.inputs[0] != graph.output
    if source is None or not only or not is_linear(source.operation):
        return None
    if not _on_channels(norm.operation, source.operation.layer):
        return None
    merged = replace(
        source, operation=_after(source.operation, norm.operation), outputs=norm.outputs
    )
    nodes = [merged if node is source else node for node in graph.nodes if node is not norm]
    return replace(graph, nodes=tuple(nodes))


def _fold_forward(graph: Graph, norm: Node) -> Graph | None:
    """The graph with `norm` merged into the weighted layers that alone read its output."""
    readers = graph.consumers()[norm.output]
    if norm.output == graph.output or not readers:
        return None
    if not all(
        is_linear(reader.operation) and _on_channels(norm.operation, reader.operation.layer)
        for reader in readers
    ):
        return None
    merged = {
        id(node): single(
            _before(norm.operation, node.operation), norm.inputs, node.output, node.name
        )
        for node in readers
    }
    nodes = [merged.get(id(node), node) for node in graph.nodes if node is not norm]
    return replace(graph, nodes=tuple(nodes))


def _on_channels(norm: keras.Layer, layer: keras.Layer) -> bool:
    """Whether the batch norm works along the channel axis of the weighted layer, channels last."""
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    if not isinstance(layer, L.Dense) and not hasattr(layer, "rank"):
        return False  # an equation or a matrix of the user's: its last axis may be anything
    rank = 2 if isinstance(layer, L.Dense) else layer.rank + 2
    axes = (-1, rank - 1) if not isinstance(layer, L.Dense) else (-1, norm.input_spec.ndim - 1)
    return last and norm.axis in axes


def norm_weights(norm: keras.Layer) -> tuple[tf.Tensor, tf.Tensor]:
    """Scale and offset [C] of a batch norm in inference, from its statistics as they are now."""
    scale = tf.math.rsqrt(tf.convert_to_tensor(norm.moving_variance) + norm.epsilon)
    if norm.scale:
        scale *= tf.convert_to_tensor(norm.gamma)
    offset = -tf.convert_to_tensor(norm.moving_mean) * scale
    return scale, offset + tf.convert_to_tensor(norm.beta) if norm.center else offset


def _after(operation: Weighted, norm: keras.Layer) -> Reweighted:
    """`norm(operation(x))` as one linear operation."""

    def weights(x: tf.Tensor) -> Weights:
        (kernel,), bias = weights_of(operation, x)
        scale, offset = (tf.cast(value, x.dtype) for value in norm_weights(norm))
        offset += 0 if bias is None else bias * scale
        return (kernel * _along_outputs(scale, kernel, operation.layer),), offset

    return Reweighted(operation.layer, operation.linear, weights)


def _along_outputs(scale: tf.Tensor, kernel: tf.Tensor, layer: keras.Layer) -> tf.Tensor:
    if isinstance(layer, _TRANSPOSED):
        return scale[:, None]
    if isinstance(layer, _DEPTHWISE):
        return tf.reshape(scale, kernel.shape[-2:])
    return scale


def _before(norm: keras.Layer, operation: Weighted) -> Reweighted:
    """`operation(norm(x))` as one linear operation.

    The bias is the operation's answer to an input that is the norm's offset everywhere, so along
    a padded border, where the padding is not offset, it differs from the inside.
    """

    def weights(x: tf.Tensor) -> Weights:
        (kernel,), bias = weights_of(operation, x)
        scale, offset = (tf.cast(value, x.dtype) for value in norm_weights(norm))
        shift = operation.linear(tf.zeros_like(x[:1]) + offset, (kernel,))
        shift += 0 if bias is None else bias
        return (kernel * _along_inputs(scale, kernel, operation.layer),), shift

    return Reweighted(operation.layer, operation.linear, weights)


def _along_inputs(scale: tf.Tensor, kernel: tf.Tensor, layer: keras.Layer) -> tf.Tensor:
    if isinstance(layer, _TRANSPOSED):
        return scale
    groups = getattr(layer, "groups", 1)
    if groups == 1:
        return scale[:, None]
    by_group = tf.transpose(tf.reshape(scale, [groups, -1]))  # [inputs of a group, groups]
    return tf.repeat(by_group, kernel.shape[-1] // groups, axis=1)


def two_logits(graph: Graph) -> Graph:
    """A model that ends in a dense layer of one unit z as one with the two logits (-z, z).

    Relevance of the class that speaks against z then comes from the weights that do so. A model
    with one unit that ends otherwise is left as it is.
    """
    node = graph.producers().get(graph.output)
    while node is not None and node.operation is tf.identity:
        node = graph.producers().get(node.inputs[0])
    if node is None or not isinstance(node.operation, Affine):
        return graph
    layer = node.operation.layer
    if type(layer) is not L.Dense or layer.units != 1:
        return graph
    (output,) = graph.new_slots(1)
    pair = replace(node, operation=_mirrored(node.operation), outputs=(output,))
    return replace(graph, nodes=(*graph.nodes, pair), output=output).pruned()


def _mirrored(affine: Affine) -> Reweighted:
    def weights(x: tf.Tensor) -> Weights:
        (kernel,), bias = weights_of(affine, x)
        both = None if bias is None else tf.concat([-bias, bias], -1)
        return (tf.concat([-kernel, kernel], -1),), both

    return Reweighted(affine.layer, affine.linear, weights)


def norms_as_depthwise(graph: Graph) -> Graph:
    """Every batch norm as a depthwise 1x1 convolution, so that it gets a weighted layer's rule."""

    def change(node: Node) -> Node:
        if type(node.operation) is not L.BatchNormalization:
            return node
        return single(_as_depthwise(node.operation), node.inputs, node.output, node.name)

    return graph.map(change)


def _as_depthwise(norm: keras.Layer) -> Reweighted:
    def weights(x: tf.Tensor) -> Weights:
        axis = norm.axis % x.shape.rank
        shape = [-1 if i == axis else 1 for i in range(x.shape.rank)]
        scale, offset = (tf.reshape(tf.cast(v, x.dtype), shape) for v in norm_weights(norm))
        return (scale,), offset

    return Reweighted(norm, lambda x, kernels: x * kernels[0], weights)


Canonizer = Callable[[Graph], Graph]


def canonize(graph: Graph, canonizers: Sequence[Canonizer]) -> Graph:
    """`graph` after all `canonizers`, in order."""
    for canonizer in canonizers:
        graph = canonizer(graph)
    return graph.pruned().sorted()


def prove(before: Graph, after: Graph, shapes: Shapes, dtype: str, name: str) -> None:
    """Checks on one random input that `after` computes what `before` does.

    Args:
      before: the recorded graph.
      after: the rewritten one.
      shapes: the shapes of the inputs; unknown sizes are taken as 64, the batch as 1.
      dtype: the dtype of its inputs.
      name: the model's name, for the message.

    Raises:
      InputError: the outputs differ by 1e-4 or more of their largest magnitude (or of 1, where
        that is larger); 2e-2 for half precision.
    """
    if any(isinstance(node.operation, ToInteger) for node in before.nodes):
        return  # random numbers are no token ids
    rng = np.random.default_rng(0)
    with tf.init_scope():  # the check runs now, also while a function is being traced
        sizes = [[shape[0] or 1, *(size or 64 for size in shape[1:])] for shape in shapes]
        x = [tf.constant(rng.standard_normal(size), dtype) for size in sizes]
        expected, found = (tf.cast(graph(x), tf.float64) for graph in (before, after))
        if found.shape != expected.shape:  # one unit made two, see `two_logits`
            expected = tf.concat([-expected, expected], -1)
        scale = tf.maximum(tf.reduce_max(tf.abs(expected)), 1)
        error = float(tf.reduce_max(tf.abs(expected - found)) / scale)
    half = any("16" in spec.dtype for spec in before.specs.values())
    if not error < (_HALF_TOLERANCE if half else _TOLERANCE):
        raise InputError(
            f"The logits of model {name!r} change by {error:.1e} of the largest when its batch "
            "norms are folded, more than rounding explains; use batch_norm='zformula' or compute "
            "in float64."
        )
