"""Layers that no table knows, asked for what they do: nothing, copies, or a linear map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.functions import copies, is_affine, is_identity
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.weighted import Reweighted
from tf_fragile.backprop.wrappers import keras_class

_FREE = 8  # what a free axis is taken to be
_LARGEST = 2**22  # entries of a sample on which a layer is asked


@dataclass(frozen=True, eq=False)
class Asked:
    """A layer of which its values, not its class, told the kind.

    Attributes:
      layer: the user's layer or operation.
      kind: `"routing"` or `"linear"`, see `kinds.Kind`.
    """

    layer: Any
    kind: Literal["routing", "linear"]

    def __call__(self, *args: Any, **kwargs: Any) -> tf.Tensor:
        """What the layer computes."""
        return self.layer(*args, **kwargs)


def ask(graph: Graph, known: frozenset[type], is_open: Callable[[Node], bool]) -> Graph:
    """`graph` with layers that do nothing at inference as copies, and linear ones known as such.

    Args:
      graph: recorded, with the shapes of its slots.
      known: classes of Keras layers about which no question is left.
      is_open: whether no table knows what a functional operation does.
    """

    def change(node: Node) -> Node:
        functional = isinstance(node.operation, keras.Operation)
        if isinstance(node.operation, keras.Layer) or not functional:
            return _asked(graph, node) if _is_open(node.operation, known) else node
        return _asked(graph, node) if is_open(node) else node

    return graph.map(change)


def _asked(graph: Graph, node: Node) -> Node:
    layer = node.operation
    if len(node.reads) != 1 or len(node.inputs) != 1:
        return node
    before, after = graph.specs.get(node.inputs[0]), graph.specs.get(node.output)
    if before is None or after is None or "float" not in before.dtype or len(node.outputs) != 1:
        return node
    sample = tuple(_FREE if size is None else size for size in before.shape[1:])
    if not sample or np.prod(sample) > _LARGEST:
        return node

    def function(x: tf.Tensor) -> tf.Tensor:
        return node({node.inputs[0]: tf.cast(x, before.dtype)})[0]

    with _state_kept(layer):
        if before.shape == after.shape and is_identity(function, sample):
            return replace(node, operation=tf.identity, args=node.args[:1], kwargs={})
        if copies(function, sample):
            return replace(node, operation=Asked(layer, "routing"))
        if is_affine(function, sample):
            return replace(node, operation=Asked(layer, "linear"))
    return node


def _is_open(layer: Any, known: frozenset[type]) -> bool:
    if not isinstance(layer, keras.Layer) or isinstance(layer, (keras.Model, keras.layers.RNN)):
        return False
    if isinstance(layer, (Activation, Affine, Reweighted)) or getattr(layer, "stateful", False):
        return False
    kind = keras_class(layer)
    if kind in known:
        return False
    users = getattr(keras.layers, kind.__name__, None) is not kind
    return users or kind is keras.layers.Lambda or not layer.trainable_variables


@contextmanager
def _state_kept(layer: Any) -> Iterator[None]:
    """What a layer counts or draws from is as before afterwards."""
    with tf.init_scope():
        held = getattr(layer, "variables", [])
        before = [(v, v.numpy()) for v in held if not v.trainable]
    try:
        yield
    finally:
        with tf.init_scope():
            for variable, value in before:
                variable.assign(value)
