"""Rewrites of the recorded graph that keep its function and make its gradients cheaper.

Each was found by profiling SqueezeNet's gradient and attack step on a CPU
(`docs/results/performance.md` has what each one bought). They change values by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import Graph, Node, single
from tf_fragile.backprop.linear import Affine

_POOLS = (keras.layers.MaxPooling1D, keras.layers.MaxPooling2D, keras.layers.MaxPooling3D)
_PLAIN_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
_CHANNELWISE = (
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Dropout,
)
_MOST_PARTS = 4  # past this, one kernel launch a part costs more than the copy it saves


def cheaper(graph: Graph) -> Graph:
    """`graph` with all rewrites of this module applied: the same function of the input."""
    rewritten = split_concatenations(hoist_max_pools(graph))
    return space_to_depth_convolutions(rewritten).pruned().sorted()


def hoist_max_pools(graph: Graph) -> Graph:
    """Moves max pools in front of monotone activations, through concatenations too.

    A non-decreasing function commutes with a maximum, so the activation and its derivatives are
    computed on the pooled map, a quarter of the size for stride 2.
    """
    for node in graph.nodes:
        if type(node.operation) in _POOLS:
            graph = _hoist(graph, node)
    return graph


def _hoist(graph: Graph, pool: Node) -> Graph:
    producers, consumers = graph.producers(), graph.consumers()

    def private_activation(slot: int) -> Node | None:
        node = producers.get(slot)
        is_activation = node is not None and isinstance(node.operation, Activation)
        if not is_activation or len(consumers[slot]) != 1 or slot == graph.output:
            return None
        return node if node.operation.monotone else None  # type: ignore[union-attr]

    source = producers.get(pool.inputs[0])
    if source is None or len(consumers[source.output]) != 1 or source.output == graph.output:
        return graph
    joined = _joins_channels(source, pool.operation)
    parts = source.inputs if joined else (source.output,)
    found = [private_activation(slot) for slot in parts]
    activations = [node for node in found if node is not None]
    if len(activations) != len(parts) or len(set(parts)) != len(parts):
        return graph
    spare = iter(graph.new_slots(2 * len(parts)))
    added, results = [], []
    for activation in activations:
        pooled, result = next(spare), next(spare) if joined else pool.output
        added.append(single(pool.operation, activation.inputs, pooled, pool.name))
        added.append(single(activation.operation, [pooled], result, activation.name))
        results.append(result)
    if joined:
        added.append(_rejoin(source, results, pool.output))
    gone = {id(pool), *map(id, activations)} | ({id(source)} if joined else set())
    kept = [node for node in graph.nodes if id(node) not in gone]
    return replace(graph, nodes=tuple(kept + added)).sorted()


def _rejoin(concatenation: Node, parts: list[int], output: int) -> Node:
    node = single(concatenation.operation, parts, output, concatenation.name)
    return replace(node, args=(list(node.args),))


def _joins_channels(node: Node, user: object) -> bool:
    """Whether `node` concatenates along the channel axis of channels-last tensors."""
    layer = node.operation
    last = getattr(user, "data_format", "channels_last") == "channels_last"
    return type(layer) is keras.layers.Concatenate and layer.axis == -1 and last


@dataclass(frozen=True, eq=False)
class JoinedAffine:
    """A convolution or dense layer of a concatenation, without the concatenation.

    The kernel is cut along its input channels and the results are added: the large concatenated
    map, its gradient's slices and their gradient's padding never exist.
    """

    affine: Affine

    def __call__(self, *parts: tf.Tensor) -> tf.Tensor:
        """The layer's pre-activation for the concatenation of `parts` along the last axis."""
        kernel = self.affine.kernels[0]
        total, start = None, 0
        for part in parts:
            stop = start + part.shape[-1]
            piece = self.affine.linear(part, (kernel[..., start:stop, :],))
            if total is None:  # the bias rides on the first piece, where it fuses
                bias = self.affine.bias
                total = piece if bias is None else piece + tf.cast(bias, piece.dtype)
            else:
                total += piece
            start = stop
        return total


def split_concatenations(graph: Graph) -> Graph:
    """Replaces concatenate-then-convolve by convolutions of the parts, where that is all."""
    producers, consumers = graph.producers(), graph.consumers()
    nodes = []
    for node in graph.nodes:
        source = producers.get(node.inputs[0]) if len(node.inputs) == 1 else None
        if source is not None and _splittable(node, source, consumers):
            node = single(JoinedAffine(node.operation), source.inputs, node.output, node.name)
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes)).pruned()


def _splittable(node: Node, source: Node, consumers: dict[int, list[Node]]) -> bool:
    if not isinstance(node.operation, Affine):
        return False
    layer = node.operation.layer
    plain = type(layer) in (*_PLAIN_CONVOLUTIONS, keras.layers.Dense)
    return (
        plain
        and getattr(layer, "groups", 1) == 1
        and _joins_channels(source, layer)
        and len(source.inputs) <= _MOST_PARTS
        and len(consumers[source.output]) == 1
    )


@dataclass(frozen=True, eq=False)
class SpaceToDepthConvolution:
    """A strided convolution of few channels as a dense one of space-to-depth blocks.

    The input gradient of a stride-2 convolution of three channels is several times slower than
    its arithmetic on CPUs; that of the equal stride-1 convolution of twelve channels is not.
    """

    affine: Affine

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The layer's pre-activation for `x` [B, H, W, C]; H and W must be static to gain."""
        height, width = x.shape[1:3]
        if height is None or width is None:
            return self.affine(x)
        layer, kernel = self.affine.layer, tf.cast(self.affine.kernels[0], x.dtype)
        stride = layer.strides[0]
        pads, blocks = [[0, 0]], []
        for size, taps in zip((height, width), layer.kernel_size, strict=True):
            before, needed, count = _window(size, taps, stride, layer.padding)
            x_end = needed - before - size
            pads.append([before, x_end])
            blocks.append(count)
        x = x[:, : height + min(pads[1][1], 0), : width + min(pads[2][1], 0)]
        x = tf.pad(x, [[0, 0], *([a, max(b, 0)] for a, b in pads[1:]), [0, 0]])
        kernel = _blocked(kernel, blocks, stride)
        z = tf.nn.conv2d(tf.nn.space_to_depth(x, stride), kernel, 1, "VALID")
        bias = self.affine.bias
        return z if bias is None else z + tf.cast(bias, z.dtype)


def _window(size: int, taps: int, stride: int, padding: str) -> tuple[int, int, int]:
    """Padding before, padded size and kernel size in blocks, along one axis."""
    count = -(-taps // stride)
    if padding == "same":
        outputs = -(-size // stride)
        before = max((outputs - 1) * stride + taps - size, 0) // 2
    else:
        outputs, before = (size - taps) // stride + 1, 0
    return before, (outputs - 1 + count) * stride, count


def _blocked(kernel: tf.Tensor, blocks: list[int], stride: int) -> tf.Tensor:
    """Kernel [h, w, c, o] as the kernel [h/s, w/s, s*s*c, o] of space-to-depth blocks."""
    high, wide, channels, filters = kernel.shape
    rows, columns = blocks
    pad = [[0, rows * stride - high], [0, columns * stride - wide], [0, 0], [0, 0]]
    kernel = tf.pad(kernel, pad)
    kernel = tf.reshape(kernel, [rows, stride, columns, stride, channels, filters])
    kernel = tf.transpose(kernel, [0, 2, 1, 3, 4, 5])
    return tf.reshape(kernel, [rows, columns, stride * stride * channels, filters])


def space_to_depth_convolutions(graph: Graph) -> Graph:
    """Replaces strided convolutions of at most four channels by space-to-depth ones."""

    def change(node: Node) -> Node:
        if not isinstance(node.operation, Affine):
            return node
        layer = node.operation.layer
        fits = (
            type(layer) is keras.layers.Conv2D
            and layer.strides[0] == layer.strides[1] > 1
            and layer.dilation_rate == (1, 1)
            and layer.groups == 1
            and layer.data_format == "channels_last"
            and layer.padding in ("same", "valid")
            and layer.kernel.shape[2] <= 4
        )
        return replace(node, operation=SpaceToDepthConvolution(node.operation)) if fits else node

    return graph.map(change)


@dataclass(frozen=True, eq=False)
class TargetColumn:
    """The last weighted layer computed for one class a sample instead of all classes."""

    affine: Affine

    def __call__(self, x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """[B, ..., 1] pre-activations of class `target` [B] for `x` [B, ..., C]."""
        kernel = self.affine.kernels[0]
        columns = tf.gather(tf.reshape(kernel, kernel.shape[-2:]), target, axis=1)
        columns = tf.cast(tf.transpose(columns), x.dtype)
        batch, channels = tf.shape(x)[0], x.shape[-1]
        z = tf.linalg.matvec(tf.reshape(x, [batch, -1, channels]), columns)
        bias = self.affine.bias
        if bias is not None:
            z += tf.cast(tf.gather(bias, target), z.dtype)[:, None]
        return tf.reshape(z, tf.concat([tf.shape(x)[:-1], [1]], 0))


def target_column(graph: Graph) -> Graph | None:
    """`graph` with an extra last input, the target [B], and the target's logit [B, 1] as output.

    Returns `None` where the last weighted layer is followed by something that mixes classes, or
    is not a dense layer or a 1x1 convolution; then take the logit from all logits.
    """
    producers, consumers = graph.producers(), graph.consumers()
    node = producers.get(graph.output)
    while node is not None and not isinstance(node.operation, Affine):
        if not _keeps_channels(node) or len(consumers[node.inputs[0]]) != 1:
            return None
        node = producers.get(node.inputs[0])
    if node is None or not _per_class(node.operation.layer) or _mixes_rank(node, graph):
        return None
    (target,) = graph.new_slots(1)
    column = single(TargetColumn(node.operation), [*node.inputs, target], node.output, node.name)
    nodes = tuple(column if other is node else other for other in graph.nodes)
    return replace(graph, nodes=nodes, inputs=(*graph.inputs, target))


def _keeps_channels(node: Node) -> bool:
    operation = node.operation
    if isinstance(operation, Activation):
        return not operation.mixes
    if operation is tf.identity:
        return True
    layout = getattr(operation, "data_format", "channels_last")
    return type(operation) in _CHANNELWISE and layout == "channels_last"


def _per_class(layer: keras.Layer) -> bool:
    if type(layer) is keras.layers.Dense:
        return True
    ones: Callable[[tuple[int, ...]], bool] = lambda sizes: all(size == 1 for size in sizes)  # noqa: E731
    return (
        type(layer) in _PLAIN_CONVOLUTIONS
        and ones(layer.kernel_size)
        and ones(layer.strides)
        and layer.groups == 1
        and layer.data_format == "channels_last"
    )


def _mixes_rank(node: Node, graph: Graph) -> bool:
    return not node.inputs or node.inputs[0] in graph.inputs
