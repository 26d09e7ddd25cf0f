"""Whether a model reads its input [B, T, C] as a series: T times of C values each."""

from __future__ import annotations

from typing import Any

import keras

from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.wrappers import TakeStep, keras_class

L = keras.layers
_OF_SERIES: tuple[type, ...] = (
    *(L.Conv1D, L.SeparableConv1D, L.DepthwiseConv1D, L.Conv1DTranspose),
    *(L.MaxPooling1D, L.AveragePooling1D, L.GlobalMaxPooling1D, L.GlobalAveragePooling1D),
    *(L.ZeroPadding1D, L.Cropping1D, L.UpSampling1D, L.SpatialDropout1D),
    *(L.LSTM, L.GRU, L.SimpleRNN, L.RNN, L.Bidirectional, L.TimeDistributed),
    *(L.Dense, L.EinsumDense, L.MultiHeadAttention, L.Attention, TakeStep),
)


def reads_series(graph: Graph) -> bool:
    """Whether the first operation that tells times from values reads a series of a [B, T, C] input.

    What changes values alone is passed through; a reshape or a flattening tells nothing, and such a
    model may as well take grey pictures [H, W].
    """
    waiting, consumers = list(graph.inputs), graph.consumers()
    shape = graph.specs[graph.inputs[0]].shape
    seen = set(waiting)
    while waiting:
        for node in consumers[waiting.pop(0)]:
            operation: Any = getattr(node.operation, "stands_for", node.operation)
            if keras_class(getattr(operation, "layer", operation)) in _OF_SERIES:
                return True
            same = [s for s in node.outputs if s in graph.specs and graph.specs[s].shape == shape]
            fresh = [slot for slot in same if slot not in seen]
            seen.update(fresh)
            waiting += fresh
    return False
