"""Products with a constant matrix: linear maps whose kernel is an argument, not a layer's weight.

Graph convolutions multiply by an adjacency matrix, projections by a fixed basis.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.graph import Graph, Node, Ref
from tf_fragile.backprop.weighted import Kernels, Reweighted, Weights

_PRODUCTS = ("Matmul", "Einsum", "Dot", "Tensordot")


def with_constant_kernels(graph: Graph) -> Graph:
    """`graph` with products of one tensor and one constant array as weighted operations."""
    return graph.map(_weighted)


def _weighted(node: Node) -> Node:
    places = [i for i, leaf in enumerate(node.args) if not isinstance(leaf, Ref)]
    fits = (
        type(node.operation).__name__ in _PRODUCTS
        and len(node.args) == 2
        and len(places) == len(node.reads) == len(node.inputs) == 1
        and _is_array(node.args[places[0]])
    )
    if not fits:
        return node
    (place,), operation, constant = places, node.operation, node.args[places[0]]

    def linear(x: tf.Tensor, kernels: Kernels) -> tf.Tensor:
        pair = (kernels[0], x) if place == 0 else (x, kernels[0])
        return operation(*pair)

    def weights(x: tf.Tensor) -> Weights:
        return (tf.cast(keras.ops.convert_to_tensor(constant), x.dtype),), None

    product = Reweighted(operation, linear, weights)
    return replace(node, operation=product, args=(Ref(node.inputs[0]),), kwargs={})


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, keras.Variable)) or tf.is_tensor(value)
