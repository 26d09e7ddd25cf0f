"""Activations written out in several operations, recognised by what they compute.

`maximum(z, 0.1 * z)`, `where(z > 0, z, 0)` and `z * relu6(z + 3) / 6` are a leaky ReLU, a ReLU
and a hard swish, and are to be explained and attacked as such.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.functions import MIXING, identify
from tf_fragile.backprop.graph import Graph, Node, single

L = keras.layers
_LAYERS = (L.Add, L.Subtract, L.Multiply, L.Maximum, L.Minimum, L.Average, L.Rescaling)
_OPERATIONS = frozenset(
    [
        "Absolute",
        "Add",
        "Clip",
        "Divide",
        "Equal",
        "Exp",
        "Expm1",
        "Greater",
        "GreaterEqual",
        "Less",
        "LessEqual",
        "Log",
        "Log1p",
        "LogicalNot",
        "Maximum",
        "Minimum",
        "Multiply",
        "Negative",
        "Power",
        "Reciprocal",
        "Relu",
        "Relu6",
        "LeakyRelu",
        "Sigmoid",
        "Sign",
        "Softplus",
        "Sqrt",
        "Square",
        "Subtract",
        "Tanh",
        "TrueDivide",
        "Where",
        "Erf",
        "Cast",
        "HardSigmoid",
    ]
)
_SEVERAL = frozenset(
    ["Maximum", "Minimum", "Where", "Multiply", "Add", "Subtract", "Divide", "TrueDivide", "Clip"]
)
_DEPTH = 12  # operations of the longest spelling that is tried
_NOT_NAMED = ("linear", "pointwise", "mixing", None, *MIXING)


@dataclass(frozen=True, eq=False)
class Island:
    """Some operations of a graph as one function of one tensor.

    Attributes:
      nodes: in runnable order.
      source: the slot of the tensor.
      output: the slot of the result.
    """

    nodes: tuple[Node, ...]
    source: int
    output: int

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The result for `x`."""
        values = {self.source: x}
        for node in self.nodes:
            values.update(zip(node.outputs, node(values), strict=True))
        return values[self.output]


def merge_islands(graph: Graph) -> Graph:
    """`graph` with spelled-out activations as `Activation` nodes; what they leave idle stays."""
    producers = graph.producers()
    places = {id(node): place for place, node in enumerate(graph.nodes)}

    def change(node: Node) -> Node:
        if not _is_last_step(node):
            return node
        found = _activation(graph, producers, places, node)
        return node if found is None else found

    return graph.map(change)


def _is_last_step(node: Node) -> bool:
    name = type(node.operation).__name__
    return len(node.outputs) == 1 and (name in _SEVERAL or type(node.operation) in _LAYERS[:6])


def _activation(
    graph: Graph, producers: dict[int, Node], places: dict[int, int], last: Node
) -> Node | None:
    """The `Activation` node that `last` ends, `None` where it ends none."""
    nodes, frontier = [last], set(last.reads)
    while len(nodes) <= _DEPTH:
        if len(frontier) == 1:
            (source,) = frontier
            found = _identified(graph, nodes, source, last)
            if found is not None:
                return found
        steps = [producers[slot] for slot in frontier if slot in producers]
        if len(steps) < len(frontier) - 1 or not steps:
            return None
        latest = max(steps, key=lambda node: places[id(node)])
        if not _is_pointwise(latest):
            return None
        nodes.append(latest)
        frontier = (frontier - set(latest.outputs)) | set(latest.reads)
    return None


def _is_pointwise(node: Node) -> bool:
    operation = node.operation
    if isinstance(operation, Activation):
        return not operation.mixes
    return type(operation) in _LAYERS or type(operation).__name__ in _OPERATIONS


def _identified(graph: Graph, nodes: list[Node], source: int, last: Node) -> Node | None:
    spec, result = graph.specs.get(source), graph.specs.get(last.output)
    if spec is None or result is None or spec.shape != result.shape or "float" not in spec.dtype:
        return None
    island = Island(tuple(reversed(nodes)), source, last.output)
    sample = tuple(size or 6 for size in spec.shape[1:])
    kind = identify(island, sample)
    if kind in _NOT_NAMED:
        return None
    activation: Any = Activation(str(kind), island, sample)
    return replace(single(activation, [source], last.output, last.name))
