"""What an operation is to DeepLIFT: which of a handful of rules its multipliers follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import keras

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.kinds import kind_of, unsupported
from tf_fragile.backprop.rewrites import JoinedAffine, SpaceToDepthConvolution

Role = Literal[
    "linear",  # weights that can't be seen, of either sign, an offset that cancels
    "affine",  # weights of either sign, a bias that cancels
    "sum",  # several inputs added, subtracted or averaged
    "structure",  # linear with weights >= 0: copies, moves, averages, constant padding
    "scale",  # each entry times a factor of either sign, plus an offset
    "pointwise",  # each entry through a function
    "maximum",
    "product",  # of two inputs
]

L = keras.layers
_BY_KIND: dict[str, Role] = {
    "weighted": "affine",
    "sum": "sum",
    "average": "structure",
    "routing": "structure",
    "batch_norm": "scale",
    "rescale": "scale",
    "activation": "pointwise",
    "product": "product",
    "linear": "linear",
}
_MAXIMA = (
    *(L.MaxPooling1D, L.MaxPooling2D, L.MaxPooling3D),
    *(L.GlobalMaxPooling1D, L.GlobalMaxPooling2D, L.GlobalMaxPooling3D, L.Maximum),
)
_POINTWISE = (
    *("Absolute", "Arctan", "Clip", "Cos", "Exp", "Expm1", "Log", "Log1p", "Maximum", "Minimum"),
    *("Power", "Reciprocal", "Rsqrt", "Sin", "Sqrt", "Square"),
)
_REMEDY = "explain this model with integrated_gradients"


def role_of(node: Node) -> Role:
    """The role of `node`.

    Raises:
      UnsupportedLayerError: it has none; the sentence names the layer.
    """
    operation = node.operation
    original = getattr(operation, "stands_for", None)
    if original is not None:
        return role_of(replace(node, operation=original))
    if isinstance(operation, (JoinedAffine, SpaceToDepthConvolution)):
        return "affine"
    functional = not isinstance(operation, keras.Layer) and type(operation).__name__
    if functional in _POINTWISE and len(node.inputs) == 1:
        return "pointwise"
    if type(operation) in _MAXIMA or functional in ("MaxPool", "Max", "Maximum"):
        return "maximum"
    role = _BY_KIND.get(kind_of(node))
    reason = "it is neither linear nor pointwise nor a maximum"
    if type(operation) is L.Minimum or functional == "Minimum":
        role = None
    elif type(operation) is L.UpSampling2D and operation.interpolation != "nearest":
        role, reason = None, "TensorFlow's smooth resizing has no correct second derivative"
    elif functional == "Pad" and node.kwargs.get("constant_values"):
        role, reason = None, "it pads with a constant that is not zero"
    elif role == "product" and len(node.inputs) != 2:
        role, reason = None, "the product rule is for two tensors"
    elif isinstance(operation, Activation) and operation.mixes:
        role, reason = None, "its units depend on each other"
    if role is None:
        raise unsupported("DeepLIFT", node, reason, _REMEDY)
    return role
