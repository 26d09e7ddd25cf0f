"""What has kinks, or may have, and no smooth stand-in: there an attack has nothing to follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.batches import chunk
from tf_fragile.backprop.graph import Node, Values
from tf_fragile.backprop.kinds import kind_of
from tf_fragile.backprop.network import Network
from tf_fragile.derivatives.compare import derivatives_of
from tf_fragile.surrogates.kinks import shape_of
from tf_fragile.surrogates.stand_in import is_relu

L = keras.layers
_SMOOTH_KINDS = {"weighted", "batch_norm", "average", "sum", "product", "rescale", "softmax"}
_SMOOTH_LAYERS = (
    *(L.LayerNormalization, L.GroupNormalization, L.UnitNormalization, L.MultiHeadAttention),
    *(L.GroupQueryAttention, L.Attention, L.AdditiveAttention, L.Softmax, L.Embedding),
    *(L.LSTM, L.GRU, L.SimpleRNN, L.EinsumDense, L.Resizing, L.UpSampling2D, L.Masking),
)
_SMOOTH_FUNCTIONS = {
    keras.activations.get(name)
    for name in ("linear", "tanh", "sigmoid", "softplus", "gelu", "silu", "softmax")
}
_SMOOTH_OPERATIONS = {
    *("LayerNorm", "Moments", "Resize", "Cast", "Exp", "Expm1", "Log", "Log1p", "Logsumexp"),
    *("Sqrt", "Rsqrt", "Square", "Power", "Reciprocal", "Sin", "Cos", "Tanh", "Erf", "Einsum"),
    *("Matmul", "Dot", "Var", "Std", "Prod", "Softmax", "LogSoftmax", "Normalize"),
}
_POINTS = 16  # of Gauss and Legendre
_CLOSE = 0.02  # what is left to kinks of a change of the gradient
_ROWS = 4  # one input each or the same one, moved in as many directions
_REACH = 2.0  # how far inputs are moved, root mean squares: across a kink where there is one


def without_surrogate(network: Network, x: Any = None) -> tuple[str, ...]:
    """Names of the operations that have or may have a kink for which there is no stand-in.

    Maxima and minima of tensors, functions that jump, comparisons; and operations whose inside
    can't be seen, unless their second derivatives account for how far their gradient changes
    between two distant inputs, which those of a function with kinks don't.

    Max pools don't count: the published attacks leave them as they are, and whichever entry wins
    hands on the curvature of what comes before, whereas behind a maximum of two tensors there may
    be a ReLU, `max(z, 0.1 z)`, which has no other.

    Args:
      network: recorded; of a subclassed model, which is one operation, the name is the model's.
      x: one input or more [B, ...], on which operations are tried; random ones where not given.
    """
    x = _sample(network) if x is None else x
    x = None if x is None else chunk(x, 0, network.fixed_batch or _ROWS)
    if network.graph is None:
        smooth = x is not None and _is_smooth(lambda z: [network.logits(z[0])], [x])
        return () if smooth else (network.model.name,)
    values = {} if x is None else _values(network, x)
    reached, names = set(network.graph.inputs), []
    for node in network.graph.nodes:
        if reached.isdisjoint(node.inputs):
            continue
        reached.update(node.outputs)
        if not is_relu(node.operation) and not _known_smooth(node) and not _tried(node, values):
            names.append(node.name)
    return tuple(dict.fromkeys(names))


def replaced(network: Network) -> tuple[str, ...]:
    """Names of the activations for which there is a stand-in."""
    nodes = () if network.graph is None else network.graph.nodes
    return tuple(dict.fromkeys(node.name for node in nodes if is_relu(node.operation)))


def _known_smooth(node: Node) -> bool:
    operation = getattr(node.operation, "stands_for", node.operation)
    name = type(operation).__name__
    if name in ("Maximum", "Minimum"):
        return False
    kind = kind_of(node)
    if kind in _SMOOTH_KINDS or kind == "routing":
        return True
    if isinstance(operation, Activation):
        shape = shape_of(operation)
        return shape is not None and not shape.jumps and not shape.kinks
    if type(operation) in _SMOOTH_LAYERS:
        return _functions(operation) <= _SMOOTH_FUNCTIONS
    functional = not isinstance(operation, keras.Layer) and name in _SMOOTH_OPERATIONS
    return functional and not _makes_integers(operation)


def _makes_integers(operation: Any) -> bool:
    dtype = getattr(operation, "dtype", None)
    return isinstance(dtype, str) and not tf.as_dtype(dtype).is_floating


def _functions(layer: Any) -> set[Any]:
    """The activations that a layer applies inside."""
    holders = [layer, getattr(layer, "cell", layer)]
    names = ("activation", "recurrent_activation")
    found = {getattr(holder, name, None) for holder in holders for name in names}
    return found - {None}


def _tried(node: Node, values: Values) -> bool:
    """Whether an operation is found to be smooth, by its numbers."""
    operation = getattr(node.operation, "stands_for", node.operation)
    if type(operation).__name__ in ("Maximum", "Minimum") and len(node.inputs) > 1:
        return False
    if isinstance(operation, Activation):
        shape = shape_of(operation)
        if shape is not None:
            return False
    if not set(node.inputs) <= values.keys():
        return False
    slots = [s for s in dict.fromkeys(node.inputs) if values[s].dtype.is_floating]
    if not slots:
        return True

    def run(z: list[tf.Tensor]) -> list[tf.Tensor]:
        return node({**values, **dict(zip(slots, z, strict=True))})

    return _is_smooth(run, [values[slot] for slot in slots])


def _is_smooth(run: Callable[[list[tf.Tensor]], list[tf.Tensor]], z: list[tf.Tensor]) -> bool:
    """Whether gradients change between two inputs by what second derivatives on the way add up to.

    A function that is constant in pieces has a gradient of zero all over and yet moves.
    """
    try:
        outputs = run(z)
        if not any(y.dtype.is_floating for y in outputs):
            return False
        weights = [_noise(y, 100 + i) for i, y in enumerate(outputs) if y.dtype.is_floating]

        def score(z: list[tf.Tensor]) -> tf.Tensor:
            found = [y for y in run(z) if y.dtype.is_floating]
            pairs = zip(weights, found, strict=True)
            return tf.add_n([tf.reduce_sum(w * tf.cast(y, w.dtype)) for w, y in pairs])[None]

        derivatives = derivatives_of(score)
        v = [_REACH * _size(at) * _noise(at, i) for i, at in enumerate(z)]
        moved = [a + b for a, b in zip(z, v, strict=True)]
        (start, before), (end, after) = derivatives.gradient(z), derivatives.gradient(moved)
        change = _flat(after) - _flat(before)
        size = np.abs(_flat(before)).max() + np.abs(_flat(after)).max()
        if not size:
            return bool(np.all(start == end))
        if np.abs(change).max() <= 1e-4 * size:
            return True
        total = np.zeros_like(change)
        points, shares = np.polynomial.legendre.leggauss(_POINTS)
        for point, share in zip((points + 1) / 2, shares / 2, strict=True):
            at = [a + tf.cast(point, a.dtype) * b for a, b in zip(z, v, strict=True)]
            total += share * _flat(derivatives.curvature(at, v))
        return bool(np.linalg.norm(change - total) <= _CLOSE * np.linalg.norm(change))
    except Exception:  # a user's operation may raise anything; then nothing is known of it
        return False


def _flat(leaves: list[tf.Tensor]) -> np.ndarray:
    return np.concatenate([leaf.numpy().astype(np.float64).ravel() for leaf in leaves])


def _noise(like: tf.Tensor, salt: int) -> tf.Tensor:
    dtype = like.dtype if like.dtype in (tf.float32, tf.float64) else tf.float32
    return tf.cast(tf.random.stateless_normal(tf.shape(like), [11, salt], dtype=dtype), like.dtype)


def _size(values: tf.Tensor) -> tf.Tensor:
    """The root mean square of `values`, 1 where they are all zero."""
    size = tf.sqrt(tf.reduce_mean(tf.square(values)))
    return tf.where(size > 0, size, tf.ones_like(size))


def _sample(network: Network) -> Any:
    """Random inputs of the model's shapes, `None` where a size is not known."""
    inputs = getattr(network.model, "input", None)
    flat = [] if inputs is None else keras.tree.flatten(inputs)
    if not flat or any(None in tensor.shape[1:] for tensor in flat):
        return None
    drawn = [
        tf.random.stateless_uniform([1, *t.shape[1:]], [7, i], dtype=tf.float32)
        for i, t in enumerate(flat)
    ]
    return keras.tree.pack_sequence_as(inputs, drawn)


def _values(network: Network, x: Any) -> Values:
    """What flows through the graph, as far as it runs."""
    assert network.graph is not None
    try:
        return network.graph.run(x)
    except Exception:  # a fixed batch, or a user's operation that insists on something
        return {}
