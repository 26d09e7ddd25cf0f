"""Which tensors of a recorded graph have places: rows and columns that are those of the image.

A tensor of rank four may as well hold tokens and heads. Places are followed from an image input
through operations that keep them; whatever else an operation makes has none that are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.casts import Cast, Whole
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.kinds import kind_of
from tf_fragile.backprop.weighted import is_linear
from tf_fragile.backprop.wrappers import keras_class

L = keras.layers
_RANK = 4
FIRST, LAST = 1, -1
_TURNS: Mapping[tuple[int, ...], tuple[int, int]] = {
    (2, 3, 1): (FIRST, LAST),
    (3, 1, 2): (LAST, FIRST),
}  # the axis before and after
_BY_WINDOW: tuple[type, ...] = (
    *(L.Conv2D, L.DepthwiseConv2D, L.SeparableConv2D, L.Conv2DTranspose, L.MaxPooling2D),
    *(L.AveragePooling2D, L.UpSampling2D, L.ZeroPadding2D, L.Cropping2D, L.Resizing),
    *(L.CenterCrop, L.SpatialDropout2D),
)
_GLOBAL = (L.GlobalAveragePooling2D, L.GlobalMaxPooling2D)
_ENTRYWISE: tuple[type, ...] = (
    *(L.BatchNormalization, L.LayerNormalization, L.GroupNormalization, L.UnitNormalization),
    *(L.Rescaling, L.Normalization, L.Dropout, L.Identity, L.Add, L.Subtract, L.Multiply),
    *(L.Average, L.Maximum, L.Minimum, L.RMSNormalization),
)
_OPERATIONS = frozenset(
    [
        "Add",
        "Subtract",
        "Multiply",
        "Divide",
        "TrueDivide",
        "Maximum",
        "Minimum",
        "Cast",
        "Negative",
        "Clip",
        "Identity",
        "Pad",
        "Absolute",
        "Square",
        "Sqrt",
        "Exp",
        "Log",
        "Where",
        "Resize",
        "Copy",
        "LayerNorm",
    ]
)


def places(graph: Graph) -> Mapping[int, int]:
    """The axis of channels, 1 or -1, of every slot whose rows and columns are the image's."""
    known: dict[int, int] = {}
    shapes = {slot: spec.shape for slot, spec in graph.specs.items()}
    for slot in graph.inputs:
        if len(shapes.get(slot, ())) == _RANK:
            known[slot] = _axis_of_input(graph, slot) or LAST
    for node in graph.nodes:
        shape = shapes.get(node.output, ())
        axis = _kept(node, known, shapes)
        if axis is not None and len(shape) == _RANK and not _is_one_place(shape, axis):
            known[node.output] = axis
    return known


def channel_axis(graph: Graph) -> int:
    """The axis of channels of the one image input, -1 where nothing tells otherwise."""
    return places(graph).get(graph.inputs[0], LAST) if len(graph.inputs) == 1 else LAST


def said_channel_axis(graph: Graph) -> int | None:
    """The axis of channels of the one image input, `None` where no operation tells."""
    if len(graph.inputs) != 1 or len(graph.specs[graph.inputs[0]].shape) != _RANK:
        return None
    return _axis_of_input(graph, graph.inputs[0])


def last_places(graph: Graph, known: Mapping[int, int]) -> tuple[list[Node], list[Node]]:
    """What the output sees of tensors with places, once they are gone.

    Args:
      graph: the operations up to the logits.
      known: of `places`.

    Returns:
      The nodes that make such tensors and from which the output is reached without another one,
      and the nodes that read them and take the places away, one for each.
    """
    producers, waiting, seen = graph.producers(), [graph.output], set()
    makers: list[Node] = []
    takers: list[Node] = []
    while waiting:
        slot = waiting.pop()
        node = producers.get(slot)
        if node is None or slot in seen:
            continue
        seen.add(slot)
        for source in node.inputs:
            maker = _behind_copies(producers, source)
            if source in known and maker is not None:
                if all(maker is not other for other in makers):
                    makers.append(maker)
                    takers.append(node)
            else:
                waiting.append(source)
    return makers, takers


def _behind_copies(producers: Mapping[int, Node], slot: int) -> Node | None:
    """The node that made the tensor in `slot`, casts and copies left out; `None` for an input."""
    maker = producers.get(slot)
    while maker is not None and (
        maker.operation is tf.identity or isinstance(maker.operation, (Cast, Whole))
    ):
        maker = producers.get(maker.inputs[0])
    return maker


def pools_all(node: Node, output_rank: int | None) -> bool:
    """Whether `node` takes all places away at once: a global pool, a flattening, a mean."""
    operation, name = node.operation, type(node.operation).__name__
    if isinstance(operation, keras.Layer):
        return keras_class(operation) in (*_GLOBAL, L.Flatten) or (
            keras_class(operation) is L.Reshape and output_rank == 2
        )
    axes = getattr(operation, "axis", None)
    both = axes is not None and {a % _RANK for a in _listed(axes)} in ({1, 2}, {2, 3})
    return (name in ("Mean", "Sum", "Max") and both) or (
        name in ("Reshape", "Flatten", "Ravel") and output_rank == 2
    )


def _listed(axes: object) -> list[int]:
    return list(axes) if isinstance(axes, (list, tuple)) else [int(str(axes))]


def _kept(
    node: Node, known: Mapping[int, int], shapes: Mapping[int, tuple[int | None, ...]]
) -> int | None:
    """The axis of channels of the result of `node`, `None` where its places are not known."""
    axes = {known[slot] for slot in node.inputs if slot in known}
    if len(axes) != 1:
        return None
    (axis,) = axes
    operation = getattr(node.operation, "stands_for", node.operation)
    layer: Any = getattr(operation, "layer", operation)
    kind, name = keras_class(layer), type(layer).__name__
    if kind in _BY_WINDOW:
        return _layout(layer) if _layout(layer) == axis else None
    if isinstance(operation, Activation) or kind in _ENTRYWISE or name in _OPERATIONS:
        return axis
    if kind in (L.Dense, L.EinsumDense):
        return axis if kind is L.Dense and axis == LAST else None
    if kind is L.Concatenate or name == "Concatenate":
        along = layer.axis % _RANK
        return axis if along == axis % _RANK else None
    order = _order(layer)
    if order:
        before, after = _TURNS.get(order, (0, 0))
        return after if axis == before else None
    same = shapes.get(node.inputs[0]) == shapes.get(node.output)
    copied = kind_of(node) == "routing" and not isinstance(operation, keras.Operation)
    return axis if same and copied else None


def _layout(layer: object) -> int:
    return FIRST if getattr(layer, "data_format", "channels_last") == "channels_first" else LAST


def _axis_of_input(graph: Graph, slot: int) -> int | None:
    """The axis along which the first windows after an image input take its channels to lie."""
    waiting, consumers, seen = [slot], graph.consumers(), {slot}
    while waiting:
        for node in consumers[waiting.pop(0)]:
            layer = node.operation.layer if is_linear(node.operation) else node.operation
            if keras_class(layer) in (*_BY_WINDOW, *_GLOBAL):
                return _layout(layer)
            if _order(layer) in _TURNS:
                return _TURNS[_order(layer)][0]
            fresh = [s for s in node.outputs if s not in seen]
            seen.update(fresh)
            waiting += fresh
    return None


def _order(layer: Any) -> tuple[int, ...]:
    """How an operation turns the axes of a sample, empty where it doesn't."""
    if keras_class(layer) is L.Permute:
        return tuple(layer.dims)
    if type(layer).__name__ == "Transpose":
        return tuple(axis % _RANK for axis in tuple(layer.axes or ())[1:])
    return ()


def _is_one_place(shape: tuple[int | None, ...], axis: int) -> bool:
    sizes = shape[1:3] if axis == LAST else shape[2:4]
    return tuple(sizes) == (1, 1)
