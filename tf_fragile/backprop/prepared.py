"""The recorded graph in the form that a method's rules want, rewritten once a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from weakref import WeakKeyDictionary

import tensorflow as tf

from tf_fragile.backprop.canonizers import (
    canonize,
    fold_batch_norms,
    norms_as_depthwise,
    prove,
    split_separable,
    two_logits,
)
from tf_fragile.backprop.explained import Explained
from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.pools import volumes_in_two_steps
from tf_fragile.backprop.rewrites import (
    hoist_max_pools,
    space_to_depth_convolutions,
    split_concatenations,
    target_column,
)
from tf_fragile.backprop.strided import strided_as_blocks
from tf_fragile.errors import InputError

BatchNorm = Literal["fold_zformula", "fold", "depthwise", "pass", "zformula"]
_ALWAYS = (split_separable, two_logits, strided_as_blocks, volumes_in_two_steps)
_CANONIZERS: dict[str, tuple[Callable[[Graph], Graph], ...]] = {
    "fold_zformula": (*_ALWAYS, fold_batch_norms, norms_as_depthwise),
    "fold": (*_ALWAYS, fold_batch_norms),
    "depthwise": (*_ALWAYS, norms_as_depthwise),
    "zformula": (*_ALWAYS, norms_as_depthwise),
    "pass": _ALWAYS,
}
# A canonized graph is a function of the network alone, and proving it runs the model.
_PREPARED: WeakKeyDictionary[Network, dict[str, Graph]] = WeakKeyDictionary()


def graph_of(network: Network, method: str) -> Graph:
    """The recorded graph.

    Raises:
      InputError: the model is subclassed and has none.
    """
    if network.graph is None:
        raise InputError(
            f"Model {network.model.name!r} is subclassed and has no graph for {method} to walk; "
            "rebuild it with the functional API or use an explainer that needs only gradients, "
            "such as integrated_gradients."
        )
    return network.graph


def canonized(network: Network, method: str, batch_norm: BatchNorm, hoist: bool = False) -> Graph:
    """The graph with separable convolutions split and batch norms treated, proven on an input.

    Args:
      network: the score function.
      method: for messages.
      batch_norm: a convention, see `Conventions`.
      hoist: whether max pools go in front of activations, which is cheaper. In windows without
        any active unit, relevance then goes to the largest pre-activation, not to the first unit.

    Raises:
      InputError: a subclassed model, or one whose function the rewrite changes by more than
        rounding.
    """
    graph = graph_of(network, method)
    known = _PREPARED.setdefault(network, {})
    key = f"{batch_norm}, hoisted" if hoist else batch_norm
    if key not in known:
        result = canonize(graph, _CANONIZERS[batch_norm])
        result = hoist_max_pools(result) if hoist else result
        if {id(node) for node in result.nodes} - {id(node) for node in graph.nodes}:
            model = network.model
            shapes = [tuple(tensor.shape) for tensor in model.inputs]
            prove(graph, result, shapes, network.dtype.name, model.name)
        known[key] = result
    return known[key]


def linear_rewritten(
    network: Network, method: str, target: tf.Tensor, hoist: bool = False
) -> Explained:
    """The graph with cheaper forms of its linear operations, for rules that never see a kernel.

    Args:
      network: the score function.
      method: for messages.
      target: int32 [B], the class explained.
      hoist: whether max pools go in front of activations.
    """
    recorded = graph_of(network, method)
    known = _PREPARED.setdefault(network, {})
    key = "linear, hoisted" if hoist else "linear"
    if key not in known:
        rewritten = hoist_max_pools(recorded) if hoist else recorded
        rewritten = space_to_depth_convolutions(split_concatenations(rewritten)).pruned().sorted()
        column = None if network.units == 1 else target_column(rewritten)
        known[key] = rewritten if column is None else column
    graph = known[key]
    return Explained(graph, target, column=len(graph.inputs) > len(recorded.inputs))
