"""Float64 copies of networks, so that differences of their gradients mean something.

The recorded graph is copied operation by operation: a layer from its configuration, under a
float64 policy and with the weights of now. Each copy is run beside the original on the same
values; what can't be copied, disagrees or computes in float32 anyway stays in float32, by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.asked import Asked
from tf_fragile.backprop.casts import Whole
from tf_fragile.backprop.graph import Graph, Node, Ref, Values
from tf_fragile.backprop.network import Network
from tf_fragile.derivatives.compare import FLOAT32, FLOAT64, MIXED, Ladder
from tf_fragile.derivatives.grouped import DepthwiseTwin, is_depthwise
from tf_fragile.surrogates.stand_in import Smoothed

_FAITHFUL = 1e-3  # of the largest value; weights in the wrong order are off by far more
_HALF_FAITHFUL = 5e-2


@dataclass(frozen=True, eq=False)
class Wide:
    """A network for checks.

    Attributes:
      network: in float64 as far as that goes.
      dtype: what its inputs must be.
      ladder: the step sizes that suit it.
      narrow: names of the layers that compute in float32.
    """

    network: Network
    dtype: tf.DType
    ladder: Ladder
    narrow: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class InFloat32:
    """An operation that only exists in float32, between casts.

    Attributes:
      operation: the operation.
    """

    operation: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The operation's result for float64 tensors, as float64."""
        args, kwargs = _cast((args, kwargs), tf.float32)
        return _cast(self.operation(*args, **kwargs), tf.float64)


@dataclass(frozen=True, eq=False)
class _ToFloat64:
    """A user's cast to a float type, kept from throwing digits away."""

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(x, tf.float64)


def widened(network: Network, x: Any) -> Wide:
    """`network` in float64, weights as they are now.

    Args:
      network: recorded, or a subclassed model, which is copied as a whole or not at all.
      x: float64 inputs [B, ...] in the model's nesting, on which every copy is tried; with more
        digits than float32 has, so that an operation which drops them shows.
    """
    if network.graph is None:
        return _widened_model(network, x)
    graph, narrow = _widened_graph(network.graph, x)
    ladder = MIXED if narrow else FLOAT64
    return Wide(replace(network, graph=graph), tf.float64, ladder, narrow)


def _widened_model(network: Network, x: Any) -> Wide:
    copy = _copied(network.model)
    if copy is not None and _agrees(network.model, copy, (x,), {"training": False}):
        return Wide(replace(network, model=copy), tf.float64, FLOAT64)
    return Wide(network, tf.float32, FLOAT32, (network.model.name,))


def _widened_graph(graph: Graph, x: Any) -> tuple[Graph, tuple[str, ...]]:
    values: Values = dict(zip(graph.inputs, keras.tree.flatten(x), strict=True))
    copies: dict[int, Any] = {}
    nodes, narrow = [], []
    for node in graph.nodes:
        wide = _widened_node(node, values, copies)
        if isinstance(wide.operation, InFloat32):
            narrow.append(node.name)
        nodes.append(wide)
        values.update(zip(wide.outputs, wide(values), strict=True))
    return replace(graph, nodes=tuple(nodes)), tuple(narrow)


def _widened_node(node: Node, values: Values, copies: dict[int, Any]) -> Node:
    if isinstance(node.operation, Whole):  # the model behind is checked at what it sees
        return replace(node, operation=tf.identity)
    key = id(node.operation)  # a shared layer is copied once
    if key not in copies:
        copies[key] = _widened_operation(node.operation)
    args, kwargs = keras.tree.map_structure(
        lambda leaf: values[leaf.slot] if isinstance(leaf, Ref) else leaf,
        (node.args, dict(node.kwargs)),
    )
    if copies[key] is not None and _agrees(node.operation, copies[key], args, kwargs):
        return replace(node, operation=copies[key])
    return replace(node, operation=InFloat32(node.operation))


def _widened_operation(operation: Any) -> Any:
    if isinstance(operation, keras.Layer):
        return _copied(operation)
    if isinstance(operation, Activation) and isinstance(operation.function, keras.Layer):
        function = _copied(operation.function)
        return None if function is None else replace(operation, function=function)
    if isinstance(operation, Activation) and isinstance(operation.function, Smoothed):
        inner = _widened_operation(Activation(operation.kind, operation.function.function))
        if inner is None:
            return None
        return replace(operation, function=replace(operation.function, function=inner.function))
    if isinstance(operation, Asked):
        inner = _widened_operation(operation.layer)
        return None if inner is None else replace(operation, layer=inner)
    if is_depthwise(operation):
        return DepthwiseTwin(operation)
    if type(operation).__name__ == "Cast" and tf.as_dtype(operation.dtype).is_floating:
        return _ToFloat64()
    return operation  # functions, and operations of ours, compute in the dtype of their input


def _copied(layer: keras.Layer) -> keras.Layer | None:
    """A float64 layer with the configuration of `layer`, its weights still to come."""
    with _float64_policy():
        if type(layer) is keras.layers.Lambda:  # its function can't be read from a configuration
            return keras.layers.Lambda(layer.function, arguments=layer.arguments)
        try:
            return type(layer).from_config(_accepted(type(layer), layer.get_config()))
        except Exception:  # a user's constructor may raise anything; then there is no copy
            return None


def _accepted(kind: type, config: dict[str, Any]) -> dict[str, Any]:
    """`config` in float64, without what every layer has but this constructor won't take."""
    parameters = inspect.signature(kind).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        general = {"name", "trainable", "dtype"}.difference(parameters)
        config = {key: value for key, value in config.items() if key not in general}
    wide: dict[str, Any] = _in_float64(config)
    return wide


def _agrees(original: Any, copy: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether `copy`, given the weights of `original`, computes the same, all in float64."""
    try:
        with _float64_policy():
            if isinstance(copy, keras.Layer) and original.weights:
                copy(*args, **kwargs)  # builds it
                copy.set_weights(original.get_weights())
                if isinstance(copy, keras.layers.Normalization):
                    copy.finalize_state()
            found = keras.tree.flatten(copy(*args, **kwargs))
        narrow, named = _cast((args, kwargs), tf.float32)
        expected = keras.tree.flatten(original(*narrow, **named))
    except Exception:  # no such kernel, or a user's code that insists on float32
        return False
    same = all(_close(a, b) for a, b in zip(found, expected, strict=True))
    # Some operations take float64 and compute in float32 all the same.
    return same and (_fits_float32((args, kwargs)) or not _fits_float32(found))


def _fits_float32(structure: Any) -> bool:
    """Whether rounding to float32 would change no tensor in `structure`."""
    leaves = [leaf for leaf in keras.tree.flatten(structure) if tf.is_tensor(leaf)]
    return all(
        bool(tf.reduce_all(tf.cast(tf.cast(leaf, tf.float32), leaf.dtype) == leaf))
        for leaf in leaves
        if leaf.dtype.is_floating
    )


def _close(wide: tf.Tensor, narrow: tf.Tensor) -> bool:
    if not narrow.dtype.is_floating:
        return True
    if wide.dtype != tf.float64:
        return False
    half = narrow.dtype in (tf.float16, tf.bfloat16)
    narrow = tf.cast(narrow, tf.float64)
    allowed = (_HALF_FAITHFUL if half else _FAITHFUL) * tf.reduce_max(tf.abs(narrow))
    return bool(tf.reduce_all(tf.abs(wide - narrow) <= allowed))


def _cast(structure: Any, dtype: tf.DType) -> Any:
    """`structure` with its float tensors in `dtype`, all else as it is."""

    def cast(leaf: Any) -> Any:
        return tf.cast(leaf, dtype) if tf.is_tensor(leaf) and leaf.dtype.is_floating else leaf

    return keras.tree.map_structure(cast, structure)


def _in_float64(config: Any) -> Any:
    """A layer's configuration with every float policy in it, at any depth, set to float64."""
    if isinstance(config, dict):
        return {
            key: "float64" if key == "dtype" and _is_float(value) else _in_float64(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_in_float64(value) for value in config)
    return config


def _is_float(policy: Any) -> bool:
    name = policy.get("config", {}).get("name", "") if isinstance(policy, dict) else policy
    return isinstance(name, str) and name.startswith(("float", "bfloat", "mixed"))


@contextmanager
def _float64_policy() -> Iterator[None]:
    """Layers that a user's code makes on the way, without naming a dtype, are float64 too."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
