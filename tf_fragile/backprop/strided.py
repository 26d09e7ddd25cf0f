"""Strided convolutions of few channels as dense ones of blocks, for rules that bring kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import keras
import tensorflow as tf

from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.rewrites import SpaceToDepthConvolution, space_to_depth_convolutions
from tf_fragile.backprop.weighted import Kernels, Reweighted


@dataclass(frozen=True, eq=False)
class _Given:
    """What `SpaceToDepthConvolution` reads of an `Affine`, with kernels of a rule's choosing."""

    layer: keras.Layer
    kernels: Kernels
    bias: None = None

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return Affine(self.layer).linear(x, self.kernels)


def strided_as_blocks(graph: Graph) -> Graph:
    """The graph with the convolutions of `space_to_depth_convolutions` as `Reweighted` ones.

    Rules transpose the first layer several times; on CPUs its plain transpose costs as much as a
    whole forward pass of SqueezeNet, that of blocks a third.
    """

    def change(before: Node, after: Node) -> Node:
        if not isinstance(after.operation, SpaceToDepthConvolution):
            return before
        affine = after.operation.affine

        def linear(x: tf.Tensor, kernels: Kernels) -> tf.Tensor:
            return SpaceToDepthConvolution(cast(Affine, _Given(affine.layer, kernels)))(x)

        weights = lambda x: (affine.kernels, affine.bias)  # noqa: E731
        return replace(before, operation=Reweighted(affine.layer, linear, weights))

    pairs = zip(graph.nodes, space_to_depth_convolutions(graph).nodes, strict=True)
    return replace(graph, nodes=tuple(change(before, after) for before, after in pairs))
