"""Finding and stripping the softmax or sigmoid at the end of a classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace

import tensorflow as tf

from tf_fragile.backprop.activations import HEADS, Activation
from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.linear import Affine
from tf_fragile.errors import InputError


@dataclass(frozen=True)
class Head:
    """What stood after the logits.

    Attributes:
      kind: `"softmax"`, `"sigmoid"`, or `"linear"` where the model already ended in logits.
      note: one sentence for the record.
    """

    kind: str
    note: str


def strip_head(graph: Graph, name: str) -> tuple[Graph, Head]:
    """`graph` cut at its logits, and what was cut off.

    Args:
      graph: a recorded model.
      name: the model's name, for messages.

    Raises:
      InputError: a softmax or sigmoid is followed by something else, so cutting it off is not
        the model's last step undone.
    """
    producers = graph.producers()
    node = producers.get(graph.output)
    while node is not None and node.operation is tf.identity:
        node = producers.get(node.inputs[0])
    if node is None:
        raise InputError(f"Model {name!r} has no operation between its input and its output.")
    if isinstance(node.operation, Activation) and node.operation.kind in HEADS:
        kind = node.operation.kind
        note = f"{kind} head {node.name!r} stripped; logits are explained"
        return replace(graph, output=node.inputs[0]).pruned(), Head(kind, note)
    last = node
    while node is not None and not isinstance(node.operation, Affine) and len(node.inputs) == 1:
        if isinstance(node.operation, Activation) and node.operation.kind in HEADS:
            raise InputError(
                f"The {node.operation.kind} {node.name!r} of model {name!r} is followed by "
                f"{last.name!r}, so its head can't be stripped; give a model that ends in logits."
            )
        node = producers.get(node.inputs[0])
    return graph, Head("linear", "the model ends in logits; nothing stripped")


def looks_like_probabilities(outputs: tf.Tensor) -> bool:
    """Whether every row of `outputs` [B, C] is non-negative and sums to one (within 1e-3)."""
    sums = tf.reduce_sum(outputs, axis=-1)
    is_simplex = tf.reduce_all(outputs >= 0) & tf.reduce_all(tf.abs(sums - 1) < 1e-3)
    return outputs.shape[-1] > 1 and bool(is_simplex)
