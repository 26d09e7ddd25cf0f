"""Layers whose second derivative TensorFlow gets wrong, rewritten: same values, right ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.asked import Asked
from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.network import Network
from tf_fragile.derivatives.exact import (
    ExactGroupNorm,
    ExactLayerNorm,
    ExactLayerNormOperation,
    ExactMoments,
)
from tf_fragile.derivatives.resize import ExactResize
from tf_fragile.derivatives.windows import ExactLocalResponse, ExactMaxPool

L = keras.layers


def correct_derivatives(network: Network) -> Network:
    """`network` with known layers rewritten so that all their derivatives are right.

    Layer and group normalisation, resizing of any kind, max pools with stride 1 and "same"
    padding, local response normalisation. Values change by rounding, variables are shared and
    read at call time.

    Raises:
      InputError: the model is subclassed and has no graph to substitute in.
    """
    return network.map_nodes(_corrected)


def corrected_layers(before: Network, after: Network) -> tuple[str, ...]:
    """Names of the layers in which `after`, made from `before` by substitution, differs."""
    if before.graph is None or after.graph is None:
        return ()
    pairs = zip(before.graph.nodes, after.graph.nodes, strict=True)
    return tuple(old.name for old, new in pairs if old.operation is not new.operation)


def _corrected(node: Node) -> Node:
    asked = node.operation
    operation = asked.layer if isinstance(asked, Asked) else asked
    change = _LAYERS.get(type(operation))
    if change is None and not isinstance(operation, keras.Layer):
        change = _OPERATIONS.get(type(operation).__name__)
    exact = None if change is None else change(operation)
    if exact is None:
        return node
    if operation is not asked:  # what is known of the layer holds for its stand-in
        exact = replace(exact, stands_for=asked)
    kwargs = {name: v for name, v in node.kwargs.items() if name not in ("training", "mask")}
    return replace(node, operation=exact, kwargs=kwargs)


def _upsampling(layer: Any) -> ExactResize | None:
    if layer.interpolation == "nearest":  # by repetition, which is right as it is
        return None
    rows, columns = layer.size
    return ExactResize(
        layer,
        lambda height, width: (height * rows, width * columns),
        layer.interpolation,
        False,
        layer.data_format == "channels_first",
    )


def _resizing(layer: Any) -> ExactResize | None:
    return _resize(layer, (layer.height, layer.width))


def _resize_operation(operation: Any) -> ExactResize | None:
    return _resize(operation, tuple(operation.size))


def _resize(layer: Any, size: tuple[int, int]) -> ExactResize | None:
    if layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        return None
    return ExactResize(
        layer,
        lambda height, width: size,
        layer.interpolation,
        layer.antialias,
        layer.data_format == "channels_first",
    )


def _lambda(layer: Any) -> ExactLocalResponse | None:
    if layer.function is not tf.nn.local_response_normalization:
        return None
    settings = {name: value for name, value in layer.arguments.items() if name != "name"}
    return ExactLocalResponse(layer, **settings)


def _layer_norm_operation(operation: Any) -> ExactLayerNormOperation:
    epsilon = keras.config.epsilon() if operation.epsilon is None else operation.epsilon
    return ExactLayerNormOperation(operation, operation.axis, epsilon, operation.rms_scaling)


def _moments(operation: Any) -> ExactMoments | None:
    if operation.synchronized:
        return None
    return ExactMoments(operation, operation.axes, operation.keepdims)


def _max_pool(layer: Any) -> ExactMaxPool | None:
    """A layer or operation; only those whose output has the size of their input go wrong."""
    strides = layer.pool_size if layer.strides is None else layer.strides
    strides = (strides,) if isinstance(strides, int) else strides
    if layer.padding != "same" or any(stride != 1 for stride in strides):
        return None
    layout = layer.data_format or keras.config.image_data_format()
    return ExactMaxPool(layer, layer.pool_size, layout == "channels_first")


_LAYERS: dict[type, Callable[[Any], Any]] = {  # a subclass may do anything in its call
    L.LayerNormalization: ExactLayerNorm,
    L.GroupNormalization: ExactGroupNorm,
    L.UpSampling2D: _upsampling,
    L.Resizing: _resizing,
    L.MaxPooling1D: _max_pool,
    L.MaxPooling2D: _max_pool,
    L.MaxPooling3D: _max_pool,
    L.Lambda: _lambda,
}
# Functional operations arrive as objects of private classes, so they are known by class name.
_OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "MaxPool": _max_pool,
    "LayerNorm": _layer_norm_operation,
    "Moments": _moments,
    "Resize": _resize_operation,
}
