"""Linear operations as DeepLIFT needs them: transposed, and with magnitudes for weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.graph import Node, Ref, called, widened
from tf_fragile.backprop.weighted import is_linear, weights_of

Tensors = Sequence[tf.Tensor]


def apply(node: Node, inputs: Tensors) -> tf.Tensor:
    """The first result of `node`, steered, for `inputs` in the order of `node.inputs`."""
    supply = iter(inputs)

    def fill(leaf: Any) -> Any:
        return next(supply) if isinstance(leaf, Ref) else leaf

    nested = (node.args, dict(node.kwargs))
    leaves = [fill(leaf) for leaf in keras.tree.flatten(nested)]
    args, kwargs = keras.tree.pack_sequence_as(nested, leaves)
    return widened(called(node.operation, args, kwargs)[0])


def pull_back(
    function: Callable[..., tf.Tensor], inputs: Tensors, upstream: tf.Tensor
) -> list[tf.Tensor]:
    """The transposed Jacobian of `function` at `inputs`, times `upstream`; one tensor an input.

    An input that stands in `inputs` twice gets the share of each place in its place.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        apart = [tf.identity(tensor) for tensor in inputs]
        tape.watch(apart)
        output = function(*apart)
    zero = tf.UnconnectedGradients.ZERO
    upstream = tf.cast(upstream, output.dtype)
    pulled: list[tf.Tensor] = tape.gradient(
        output, apart, output_gradients=upstream, unconnected_gradients=zero
    )
    return pulled


def transpose(node: Node, inputs: Tensors, upstream: tf.Tensor) -> list[tf.Tensor]:
    """`pull_back` of the node itself."""
    return pull_back(lambda *tensors: apply(node, tensors), inputs, upstream)


def with_kernels(
    node: Node, inputs: Tensors, change: Callable[[tf.Tensor], tf.Tensor]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The linear map of an affine node with its kernels changed, no bias."""
    kernels, _ = weights_of(node.operation, inputs[0])
    changed = tuple(change(kernel) for kernel in kernels)
    return lambda x: node.operation.linear(x, changed)


def magnitudes(node: Node, inputs: Tensors) -> Callable[..., tf.Tensor]:
    """The map of an affine node or a sum with the magnitudes of its weights, no bias."""
    if is_linear(node.operation):
        return with_kernels(node, inputs, tf.abs)
    if type(node.operation).__name__ == "Subtract":
        return lambda a, b: tf.add(a, b)
    return lambda *tensors: apply(node, tensors)
