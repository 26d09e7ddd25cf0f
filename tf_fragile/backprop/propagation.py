"""The way of a map: up with the true operations, down with the rules, into the inputs' nesting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.explained import Explained, Head
from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.walk import RuleOf, walk
from tf_fragile.errors import InputError


def propagate(
    network: Network, explained: Explained, x: Any, rule_of: RuleOf, head: Head, linear: bool
) -> Any:
    """The input's relevance, in the nesting of `x`.

    Args:
      network: the score function, for messages.
      explained: the graph to walk, and the class.
      x: input tensors in the model's nesting.
      rule_of: the rule of each node.
      head: what the target's logit starts with.
      linear: whether what is propagated is a derivative, see `Explained.start`.
    """
    values = explained.run(x)
    start = explained.start(values, head, linear)
    relevance = walk(explained.graph, values, start, rule_of)
    return relevance_of_inputs(network, explained.graph, relevance, x)


def relevance_of_inputs(
    network: Network, graph: Graph, relevance: Mapping[int, tf.Tensor], x: Any
) -> Any:
    """The input's relevance in the nesting of `x`.

    Raises:
      InputError: no relevance reaches one of the inputs.
    """
    if any(slot not in relevance for slot in graph.inputs):
        raise InputError(
            f"The logits of model {network.model.name!r} do not depend on all of its inputs; "
            "explain a model without the idle one."
        )
    leaves = tf.nest.flatten(x)
    slots = graph.inputs[: len(leaves)]  # a target may follow, see `target_column`
    flat = [tf.cast(relevance[s], leaf.dtype) for s, leaf in zip(slots, leaves, strict=True)]
    return tf.nest.pack_sequence_as(x, flat)
