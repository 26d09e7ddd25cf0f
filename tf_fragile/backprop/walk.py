"""The backward walk: relevance from the output to the input, one rule for each operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.graph import Graph, Node, Values, widened

Rule = Callable[[Node, Sequence[tf.Tensor], tf.Tensor, tf.Tensor], Sequence[tf.Tensor]]
"""`(node, inputs, output, relevance) -> relevance of each input`, inputs in `node.inputs` order."""

RuleOf = Callable[[Node], Rule]
"""Which rule a node gets; raises `UnsupportedLayerError` naming the layer where there is none."""


def walk(
    graph: Graph, values: Values, start: Mapping[int, tf.Tensor], rule_of: RuleOf
) -> dict[int, tf.Tensor]:
    """Relevance at every slot that some relevance reaches.

    Everything is plain operations on `values`, so the result can be differentiated again.

    Args:
      graph: the operations, in runnable order.
      values: every tensor of the forward pass, as `graph.run` returns them.
      start: relevance to inject, by slot: at the output, or anywhere else. What arrives at such
        a slot from above is added to it.
      rule_of: the rule of each node; asked only for nodes that relevance reaches.

    Returns:
      The relevance by slot, each of the shape of the slot's tensor. Where paths join, relevances
      are added. A slot that is missing got none.

    Raises:
      UnsupportedLayerError: `rule_of` has no rule for a node that relevance reaches.
    """
    relevance, dependent = dict(start), graph.dependent()
    for node in reversed(graph.nodes):
        reached = [slot for slot in node.outputs if slot in relevance]
        if not reached or dependent.isdisjoint(node.outputs):
            continue  # what comes to a constant stays there
        rule = rule_of(node)
        inputs = [widened(values[slot]) for slot in node.inputs]
        fixed = node.steered(values)
        for slot in reached:
            one, share = _with_one_output(fixed, slot), widened(relevance[slot])
            parts = rule(one, inputs, widened(values[slot]), share)
            for source, part in zip(node.inputs, parts, strict=True):
                relevance[source] = relevance[source] + part if source in relevance else part
    return relevance


def _with_one_output(node: Node, slot: int) -> Node:
    """`node` as a rule sees it: with the one output whose relevance it passes on."""
    if len(node.outputs) == 1:
        return node
    place = node.outputs.index(slot)

    def part(*args: Any, **kwargs: Any) -> tf.Tensor:
        return keras.tree.flatten(node.operation(*args, **kwargs))[place]

    return replace(node, operation=part, outputs=(slot,))
