"""What all methods with their own backward pass share: the graph, the start and the way down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal
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
from tf_fragile.backprop.graph import Graph, Values
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.pools import volumes_in_two_steps
from tf_fragile.backprop.rewrites import (
    hoist_max_pools,
    space_to_depth_convolutions,
    split_concatenations,
    target_column,
)
from tf_fragile.backprop.strided import strided_as_blocks
from tf_fragile.backprop.walk import RuleOf, walk
from tf_fragile.errors import InputError

Head = Literal["logit", "one", "relu"]
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
_CANONIZED: WeakKeyDictionary[Network, dict[str, Graph]] = WeakKeyDictionary()


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
    known = _CANONIZED.setdefault(network, {})
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


def linear_rewritten(network: Network, method: str, hoist: bool = False) -> Graph:
    """The graph with cheaper forms of its linear operations, for rules that never see a kernel.

    Its last input is the target [B] where its output is the target's logit [B, 1] alone.

    Args:
      network: the score function.
      method: for messages.
      hoist: whether max pools go in front of activations.
    """
    graph = graph_of(network, method)
    known = _CANONIZED.setdefault(network, {})
    key = "linear, hoisted" if hoist else "linear"
    if key not in known:
        rewritten = hoist_max_pools(graph) if hoist else graph
        rewritten = space_to_depth_convolutions(split_concatenations(rewritten)).pruned().sorted()
        column = None if network.units == 1 else target_column(rewritten)
        known[key] = rewritten if column is None else column
    return known[key]


def target_logit(logits: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """The logit [B] of class `target` [B] from the graph's output [B, units]."""
    if logits.shape[-1] == 1:
        return _direction(logits, target) * logits[:, 0]
    return tf.gather(logits, target, batch_dims=1)


def head_value(logit: tf.Tensor, head: Head) -> tf.Tensor:
    """How much relevance the output gets: the logit, one, or the logit's positive part."""
    if head == "logit":
        return logit
    return tf.ones_like(logit) if head == "one" else tf.nn.relu(logit)


def start(
    graph: Graph, values: Values, target: tf.Tensor, head: Head, linear: bool
) -> dict[int, tf.Tensor]:
    """The relevance of the output: `head_value` at the target's unit, zero at the others.

    Args:
      graph: the recorded graph, or a canonized one.
      values: the forward pass.
      target: int32 [B].
      head: how much.
      linear: whether what is propagated is a derivative. The two classes of a model with one
        output unit are then told apart by the sign, (-z, z); relevance has none to begin with.
    """
    logits = values[graph.output]
    amount = head_value(target_logit(logits, target), head)
    if logits.shape[-1] == 1:
        unit = (_direction(logits, target) if linear else tf.ones_like(amount))[:, None]
    else:
        unit = tf.one_hot(target, tf.shape(logits)[-1], dtype=logits.dtype)
    return {graph.output: amount[:, None] * unit}


def _direction(logits: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.cast(2 * target - 1, logits.dtype)


def relevance_of_inputs(
    network: Network, graph: Graph, relevance: dict[int, tf.Tensor], x: Any
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


def propagate(
    network: Network,
    graph: Graph,
    x: Any,
    target: tf.Tensor,
    rule_of: RuleOf,
    head: Head,
    linear: bool,
) -> Any:
    """Forward with the true operations, then down with `rule_of`, in the nesting of `x`."""
    values = graph.run(x)
    top = start(graph, values, target, head, linear)
    return relevance_of_inputs(network, graph, walk(graph, values, top, rule_of), x)


def propagate_column(
    network: Network,
    graph: Graph,
    x: Any,
    rule_of: RuleOf,
    head: Head,
    more: tuple[tf.Tensor, ...] = (),
) -> Any:
    """`propagate` on a graph whose output is the target's logit [B, 1] alone.

    Args:
      network: the score function.
      graph: such a graph.
      x: input tensors in the model's nesting.
      rule_of: the rules.
      head: what the logit starts with.
      more: the graph's inputs besides `x`.
    """
    values = graph.run([*tf.nest.flatten(x), *more])
    amount = head_value(values[graph.output][:, 0], head)
    relevance = walk(graph, values, {graph.output: amount[:, None]}, rule_of)
    return relevance_of_inputs(network, graph, relevance, x)


def propagate_linearly(
    network: Network, graph: Graph, x: Any, target: tf.Tensor, rule_of: RuleOf, head: Head
) -> Any:
    """`propagate` for rules that see no kernels, on the cheaper `graph` of `linear_rewritten`."""
    if len(graph.inputs) == len(tf.nest.flatten(x)):
        return propagate(network, graph, x, target, rule_of, head, linear=True)
    return propagate_column(network, graph, x, rule_of, head, (target,))
