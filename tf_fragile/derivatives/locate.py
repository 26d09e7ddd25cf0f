"""Which layers of a network have wrong derivatives: each is checked alone, on its true inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import Graph, Node, Values
from tf_fragile.derivatives.compare import OPEN, WRONG, Ladder, compare, derivatives_of
from tf_fragile.derivatives.precision import InFloat32
from tf_fragile.derivatives.report import LayerFault, Order

NO_DERIVATIVE = (LookupError, tf.errors.OpError, NotImplementedError)
_DRAWS = 3
# What differs between layers that have the same derivative code.
_SIZES = ("name", "dtype", "trainable", "units", "filters", "output_dim")


def locate(graph: Graph, x: Any, ladder: Ladder, seed: int) -> tuple[LayerFault, ...]:
    """The layers whose first or second derivative is wrong, in the order of the graph.

    Each operation z -> y is checked as the score u·y + |y|²/2, y in units of its own size: the
    square lets the derivative of the operation's backward pass count, which a sum would hide
    for linear operations such as resizing. Layers of one class and configuration are checked
    once; if that finds nothing, all are.

    Args:
      graph: in the precision of `ladder`.
      x: one input [1, ...] in the model's nesting.
      ladder: step sizes and tolerances.
      seed: of directions.
    """
    values = graph.run(x)
    groups: dict[Any, list[Node]] = {}
    for node in _dependent(graph):
        groups.setdefault(_signature(node), []).append(node)

    def faults(lists: list[list[Node]]) -> tuple[LayerFault, ...]:
        found = (_fault(nodes, values, ladder, seed) for nodes in lists)
        return tuple(fault for fault in found if fault is not None)

    return faults(list(groups.values())) or faults(
        [[node] for nodes in groups.values() for node in nodes[1:]]
    )


def describe(operation: Any) -> str:
    """The class of the user's layer behind an operation, or the name of a function."""
    if isinstance(operation, InFloat32):
        return describe(operation.operation)
    if isinstance(operation, Activation):
        return operation.kind
    layer = _users(operation)
    return getattr(layer, "__name__", type(layer).__name__)


def _users(operation: Any) -> Any:
    """The user's layer or operation behind one of ours."""
    for name in ("layer", "stands_for"):
        operation = getattr(operation, name, operation)
    return operation


def _dependent(graph: Graph) -> list[Node]:
    """The nodes that see the input, without mere copies."""
    seen, found = set(graph.inputs), []
    for node in graph.nodes:
        if seen.intersection(node.inputs):
            seen.update(node.outputs)
            if node.operation is not tf.identity:
                found.append(node)
    return found


def _signature(node: Node) -> Any:
    """Equal for nodes that run the same code with the same settings."""
    operation = node.operation
    operation = operation.operation if isinstance(operation, InFloat32) else operation
    if isinstance(operation, Activation):
        return operation.kind
    layer = _users(operation)
    if not isinstance(layer, keras.Layer) or isinstance(layer, (keras.layers.Lambda, keras.Model)):
        return id(operation)
    try:
        config = layer.get_config()
    except Exception:  # a user's layer need not have a configuration
        return id(operation)
    kept = {
        key: value
        for key, value in config.items()
        if key not in _SIZES and not key.endswith(("initializer", "regularizer", "constraint"))
    }
    return type(operation), type(layer), json.dumps(kept, sort_keys=True, default=str)


def _fault(nodes: list[Node], values: Values, ladder: Ladder, seed: int) -> LayerFault | None:
    node = nodes[0]
    slots = [s for s in dict.fromkeys(node.inputs) if values[s].dtype.is_floating]
    if not slots or not any(values[s].dtype.is_floating for s in node.outputs):
        return None
    kind, alike = describe(node.operation), tuple(other.name for other in nodes[1:])

    def fault(order: Order, error: float, reason: str) -> LayerFault:
        return LayerFault(node.name, kind, order, error, reason, alike)

    for draw in range(_DRAWS):
        seeds = [seed, 7919 * draw + node.output]
        z = [_generic(values[s], seeds, i) for i, s in enumerate(slots)]
        v = [_noise(at, seeds, i) for i, at in enumerate(z)]
        derivatives = derivatives_of(_score(node, values, slots, seeds))
        try:
            derivatives.gradient(z)
        except NO_DERIVATIVE as error:
            return fault("first", float("inf"), f"it has no gradient ({first_line(error)})")
        try:
            found = compare(derivatives, z, v, ladder)
        except NO_DERIVATIVE as error:
            return fault(
                "second", float("inf"), f"it has no second derivative ({first_line(error)})"
            )
        if found.first[0] == WRONG:
            off = float(found.first_error[0])
            return fault("first", off, f"its gradient is off by {off:.1e}")
        if found.second[0] == WRONG:
            off = float(found.second_error[0])
            return fault("second", off, f"its second derivative is off by {off:.1e}")
        if found.first[0] != OPEN and found.second[0] != OPEN:
            return None
    return None


def first_line(error: BaseException) -> str:
    """The start of what an exception says, without a full stop."""
    text = str(error.args[0]) if error.args else str(error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__


def _score(
    node: Node, values: Mapping[int, tf.Tensor], slots: list[int], seeds: list[int]
) -> Callable[[list[tf.Tensor]], tf.Tensor]:
    """The score [1] of a node's inputs, in units of their size, with a leading axis of one sample.

    The units also put an operation before the node, as in a network: where the node comes first,
    its kernels can't reuse the memory of what arrives, and that reuse may be what goes wrong.
    """
    sizes = [_size(values[slot]) for slot in node.outputs]
    units = [_size(values[slot]) for slot in slots]

    def score(z: list[tf.Tensor]) -> tf.Tensor:
        inputs = {slot: at[0] * unit for slot, at, unit in zip(slots, z, units, strict=True)}
        terms = []
        for i, y in enumerate(node({**values, **inputs})):
            if y.dtype.is_floating:
                y = y / tf.cast(sizes[i], y.dtype)
                terms.append(tf.reduce_sum((_noise(y, seeds, 100 + i) + y / 2) * y))
        return tf.add_n(terms)[None]

    return score


def _generic(z: tf.Tensor, seeds: list[int], salt: int) -> tf.Tensor:
    """`z` in units of its size and moved a little: exact ties, as after a ReLU, would be kinks.

    What is positive stays so, for logarithms and roots.
    """
    factor, offset = (_noise(z, seeds, 200 + 2 * salt + i) for i in range(2))
    return (z / _size(z) * (1 + 0.01 * factor) + 1e-3 * tf.abs(offset))[None]


def _noise(like: tf.Tensor, seeds: list[int], salt: int) -> tf.Tensor:
    key = [seeds[0], seeds[1] * 1009 + salt]
    return tf.random.stateless_normal(tf.shape(like), key, dtype=like.dtype)


def _size(values: tf.Tensor) -> tf.Tensor:
    """The root mean square of `values`, 1 where they are all zero."""
    if not values.dtype.is_floating:
        return tf.constant(1.0)
    size = tf.sqrt(tf.reduce_mean(values**2))
    return tf.where(size > 0, size, tf.ones_like(size))
