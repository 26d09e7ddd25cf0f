"""What an operation without a rule of its own does to the numbers that pass through it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.asked import Asked
from tf_fragile.backprop.casts import Cast, ToInteger, Whole
from tf_fragile.backprop.graph import Node, Ref
from tf_fragile.backprop.masks import Hung
from tf_fragile.backprop.rewrites import JoinedAffine, SpaceToDepthConvolution, TargetColumn
from tf_fragile.backprop.weighted import is_linear
from tf_fragile.backprop.wrappers import StackSteps, TakeStep, keras_class
from tf_fragile.errors import UnsupportedLayerError

Kind = Literal[
    "weighted",  # a linear map with kernels
    "activation",  # a pointwise function
    "softmax",  # a function that mixes units
    "batch_norm",
    "routing",  # every output is a copy of some input, or a padding constant
    "average",  # a fixed linear mean or sum of one tensor
    "linear",  # an affine map of one tensor whose kernel can't be seen
    "sum",  # a fixed linear combination of several tensors
    "product",  # of several tensors
    "rescale",  # an affine map of each entry by constants
    "unknown",
]

L = keras.layers
# Weighted layers whose kernels a rule can't exchange; the gradient passes through them.
_REWRITTEN = (JoinedAffine, SpaceToDepthConvolution, TargetColumn)
_ROUTING: tuple[type, ...] = (
    *(L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D),
    *(L.GlobalMaxPooling1D, L.GlobalMaxPooling2D, L.GlobalMaxPooling3D),
    *(L.ZeroPadding1D, L.ZeroPadding2D, L.ZeroPadding3D),
    *(L.Cropping1D, L.Cropping2D, L.Cropping3D, L.UpSampling1D, L.UpSampling3D),
    *(L.Flatten, L.Reshape, L.Permute, L.RepeatVector, L.Concatenate, L.Identity, L.Maximum),
    *(L.Minimum, L.Dropout, L.SpatialDropout1D, L.SpatialDropout2D, L.SpatialDropout3D),
    *(L.AlphaDropout, L.GaussianDropout, L.GaussianNoise, L.ActivityRegularization),
    L.Masking,
)
_COPIES = (Cast, Whole, TakeStep, StackSteps, Hung)
_AVERAGE: tuple[type, ...] = (
    *(L.AveragePooling1D, L.AveragePooling2D, L.AveragePooling3D),
    *(L.GlobalAveragePooling1D, L.GlobalAveragePooling2D, L.GlobalAveragePooling3D),
)
_KINDS: dict[type, Kind] = {
    **dict.fromkeys(_ROUTING, "routing"),
    **dict.fromkeys(_AVERAGE, "average"),
    **dict.fromkeys((L.Add, L.Subtract, L.Average), "sum"),
    **dict.fromkeys((L.Rescaling, L.Normalization), "rescale"),
    L.Multiply: "product",
    L.BatchNormalization: "batch_norm",
}
# Layers about which no question is left, some of them because there is no answer.
KNOWN = frozenset(
    {
        *_KINDS,
        *(L.Activation, L.Softmax, L.Embedding, L.LayerNormalization, L.GroupNormalization),
        *(L.RMSNormalization, L.UnitNormalization, L.MultiHeadAttention, L.Attention),
        *(L.AdditiveAttention, L.GroupQueryAttention, L.Dot, L.Bidirectional, L.LSTM, L.GRU),
        *(L.SimpleRNN, L.ConvLSTM1D, L.ConvLSTM2D, L.ConvLSTM3D, L.UpSampling2D),
    }
)
# Functional operations arrive as objects of private classes, so they are known by class name.
_OPERATIONS: dict[str, Kind] = {
    **dict.fromkeys(
        [
            "BroadcastTo",
            "Cast",
            "Concatenate",
            "Copy",
            "ExpandDims",
            "Flip",
            "GetItem",
            "Identity",
            "Max",
            "MaxPool",
            "Maximum",
            "Minimum",
            "Moveaxis",
            "Pad",
            "Ravel",
            "Repeat",
            "Reshape",
            "Roll",
            "Split",
            "Squeeze",
            "Stack",
            "Swapaxes",
            "Take",
            "Tile",
            "Transpose",
            "Unstack",
        ],
        "routing",
    ),
    **dict.fromkeys(("AveragePool", "Mean", "Sum"), "average"),
    **dict.fromkeys(("Add", "Subtract"), "sum"),
    "Multiply": "product",
    "Negative": "rescale",
}


def kind_of(node: Node) -> Kind:
    """The kind of `node`, `"unknown"` for layers whose inside can't be seen."""
    operation = node.operation
    original = getattr(operation, "stands_for", None)
    if original is not None:  # the same function with other derivatives, see the derivative gate
        return kind_of(replace(node, operation=original))
    if is_linear(operation) or isinstance(operation, _REWRITTEN):
        return "weighted"
    if isinstance(operation, Activation):
        return "softmax" if operation.mixes else "activation"
    if operation is tf.identity or isinstance(operation, _COPIES):
        return "routing"
    if isinstance(operation, Asked):
        return operation.kind
    known = keras_class(operation)  # a subclass with methods of its own may do anything
    if known is L.UpSampling2D:
        return "routing" if operation.interpolation == "nearest" else "average"
    if known is L.Softmax:
        return "softmax"
    if isinstance(operation, keras.Layer):
        return _KINDS.get(known, "unknown")
    return _functional_kind(node)


def _functional_kind(node: Node) -> Kind:
    name = type(node.operation).__name__
    if len(node.inputs) == 1:
        if name in ("Add", "Subtract", "Multiply"):
            return "rescale"
        if name in ("Maximum", "Minimum"):  # against a constant: a rectifier in disguise
            return "unknown"
    if name in ("Divide", "TrueDivide"):
        by_constant = len(node.inputs) == 1 and isinstance(node.args[0], Ref)
        return "rescale" if by_constant else "unknown"
    return _OPERATIONS.get(name, "unknown")


def is_max_pool(operation: Any) -> bool:
    """Whether `operation` is a max pooling layer with windows (not a global one)."""
    return type(operation) in (L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D)


def _called(operation: Any) -> str:
    """What a user would call an operation: the class of the layer, the name of the function."""
    if isinstance(operation, Asked):
        return _called(operation.layer)
    if not isinstance(operation, Activation):
        return type(operation).__name__
    if operation.kind not in ("pointwise", "mixing", "linear"):
        return operation.kind
    function: Any = operation.function
    return getattr(function, "__name__", type(function).__name__)


def reads_names(node: Node) -> bool:
    """Whether `node` looks numbers up, such as token ids: there is no derivative by those."""
    return isinstance(node.operation, (L.Embedding, ToInteger))


def unsupported(method: str, node: Node, reason: str, remedy: str) -> UnsupportedLayerError:
    """The refusal of `node` by `method`: which layer, why, and what to do."""
    what = node.operation
    kind = _called(what)
    return UnsupportedLayerError(
        f"{method} has no rule for layer {node.name!r} ({kind}): {reason}; {remedy}."
    )
