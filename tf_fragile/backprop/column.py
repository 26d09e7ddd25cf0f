"""The last weighted layer for the explained class alone, as an operation that rules understand."""

from __future__ import annotations

from dataclasses import replace

import tensorflow as tf

from tf_fragile.backprop.explained import Explained
from tf_fragile.backprop.graph import Graph, Node, single
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.rewrites import TargetColumn, target_column
from tf_fragile.backprop.weighted import Kernels, Reweighted, Weights


def explained_column(graph: Graph, target: tf.Tensor) -> Explained:
    """`graph` with the logit [B, 1] of class `target` [B] as its output.

    A rule shares the relevance of every unit by that unit's own weights, so the units without
    relevance, all but one of the last layer, need not be computed. They are where
    `rewrites.target_column` finds no such layer.
    """
    column = target_column(graph)
    if column is None:
        return Explained(graph, target)

    def change(node: Node) -> Node:
        if not isinstance(node.operation, TargetColumn):
            return node
        operation = _column(node.operation.affine, target)
        return single(operation, node.inputs[:1], node.output, node.name)

    bound = replace(column.map(change), inputs=graph.inputs)
    return Explained(bound, target, column=True)


def _column(affine: Affine, target: tf.Tensor) -> Reweighted:
    def weights(x: tf.Tensor) -> Weights:
        kernel, bias = affine.kernels[0], affine.bias
        columns = tf.gather(tf.reshape(kernel, kernel.shape[-2:]), target, axis=1)
        if bias is not None:
            bias = tf.reshape(tf.gather(bias, target), [-1] + [1] * (x.shape.rank - 1))
        return (tf.transpose(columns)[:, :, None],), bias

    return Reweighted(affine.layer, _by_sample, weights)


def _by_sample(x: tf.Tensor, kernels: Kernels) -> tf.Tensor:
    """[B, ..., 1] from `x` [B or 1, ..., C] and a kernel [B, C, 1] that differs by sample."""
    flat = tf.reshape(x, [tf.shape(x)[0], -1, x.shape[-1]])
    z = tf.matmul(flat, kernels[0])
    return tf.reshape(z, tf.concat([[-1], tf.shape(x)[1:-1], [1]], 0))
