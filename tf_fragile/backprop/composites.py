"""Which rule each operation gets: conditions on kind, name or position, tried in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
import numpy as np

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.functions import at
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.kinds import Kind, kind_of, unsupported
from tf_fragile.backprop.walk import Rule
from tf_fragile.backprop.weighted import is_linear
from tf_fragile.errors import unknown_name

Condition = Callable[[Node], bool]


@dataclass(frozen=True)
class Composite:
    """A `walk.RuleOf`: the rule of the first condition that holds.

    Attributes:
      method: the method's name, for the refusal of a node that no condition matches.
      choices: conditions and their rules.
    """

    method: str
    choices: tuple[tuple[Condition, Rule], ...]

    def __call__(self, node: Node) -> Rule:
        """The rule of `node`.

        Raises:
          UnsupportedLayerError: no condition holds.
        """
        for condition, rule in self.choices:
            if condition(node):
                return rule
        if kind_of(node) == "activation":
            raise unsupported(
                self.method,
                node,
                "it is no ReLU",
                "use a method that needs only gradients, such as integrated_gradients",
            )
        raise unsupported(
            self.method,
            node,
            "it is not known how relevance passes through it",
            "use a method that needs only gradients, such as integrated_gradients",
        )

    def preceded_by(self, *choices: tuple[Condition, Rule]) -> Composite:
        """The composite with `choices` tried first."""
        return Composite(self.method, (*choices, *self.choices))


def of_kind(*kinds: Kind) -> Condition:
    """Operations of one of `kinds`."""
    return lambda node: kind_of(node) in kinds


def dense(node: Node) -> bool:
    """Dense layers, by whatever equation."""
    kinds = (keras.layers.Dense, keras.layers.EinsumDense)
    return is_linear(node.operation) and isinstance(node.operation.layer, kinds)


def is_norm(node: Node) -> bool:
    """Batch norms, as layers or as depthwise convolutions."""
    layer = node.operation.layer if is_linear(node.operation) else node.operation
    return type(layer) is keras.layers.BatchNormalization


def activation(*kinds: str) -> Condition:
    """Activations of one of `kinds`, e.g. `"relu"`."""
    return lambda node: isinstance(node.operation, Activation) and node.operation.kind in kinds


def named(graph: Graph, *names: str) -> Condition:
    """Layers called one of `names`.

    Raises:
      InputError: the graph has no such layer.
    """
    known = {node.name for node in graph.nodes}
    for name in names:
        if name not in known:
            raise unknown_name("layer", name, known)
    return lambda node: node.name in names


def first_weighted(graph: Graph) -> Condition:
    """Weighted layers that no other weighted layer comes before; batch norms don't count."""
    return _members(_frontier(graph.nodes, lambda node: node.inputs, lambda node: node.outputs))


def last_weighted(graph: Graph) -> Condition:
    """Weighted layers that no other weighted layer comes after; batch norms don't count."""
    nodes = graph.pruned().nodes[::-1]
    return _members(_frontier(nodes, lambda node: node.outputs, lambda node: node.inputs))


def below(graph: Graph, name: str) -> Condition:
    """Everything that the layer called `name` depends on, the layer itself not.

    Raises:
      InputError: the graph has no such layer.
    """
    is_it = named(graph, name)
    needed: set[int] = set()
    found: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs) and not is_it(node):
            found.append(node)
            needed.update(node.inputs)
        elif is_it(node):
            needed.update(node.inputs)
    return _members(found)


def nonnegative_slots(graph: Graph) -> frozenset[int]:
    """Slots whose tensors are never negative, whatever the input and the weights."""
    known: set[int] = set()
    for node in graph.nodes:
        if _never_negative(node) or (node.inputs and _keeps_sign(node, known)):
            known.update(node.outputs)
    return frozenset(known)


def rectified_slots(graph: Graph, proportional: Condition) -> frozenset[int]:
    """Slots that get no relevance where they are negative: a ReLU follows, on every way down.

    Args:
      graph: the operations.
      proportional: holds where a node's rule gives inputs that are zero nothing.
    """
    consumers = graph.consumers()
    silent: set[int] = set()  # without relevance where they are zero
    rectified: set[int] = set()
    for slot in sorted(consumers, key=_position_of(graph), reverse=True):
        routed = [(node, kind_of(node) == "routing") for node in consumers[slot]]
        if slot == graph.output:
            continue
        if all(
            proportional(node) or (copies and silent.issuperset(node.outputs))
            for node, copies in routed
        ):
            silent.add(slot)
        if all(
            (rectified if copies else silent).issuperset(node.outputs)
            and (copies or _zero_where_negative(node))
            for node, copies in routed
        ):
            rectified.add(slot)
    return frozenset(rectified)


def _position_of(graph: Graph) -> Callable[[int], int]:
    """When each slot is filled: inputs at -1, the rest by the node that fills it."""
    places = {slot: i for i, node in enumerate(graph.nodes) for slot in node.outputs}
    return lambda slot: places.get(slot, -1)


def _zero_where_negative(node: Node) -> bool:
    function = node.operation
    if not isinstance(function, Activation) or not function.monotone:
        return False
    # Monotone: what is zero at both ends of the negatives is zero between.
    ends = at(function.function, np.array([-1e4, -1e-30], "float32"), function.sample)
    return ends is not None and not ends.any()


def _never_negative(node: Node) -> bool:
    function = node.operation
    if not isinstance(function, Activation) or not function.monotone:
        return False
    # A monotone function that is negative anywhere is so at its left end.
    end = at(function.function, np.array([-1e4], "float32"), function.sample)
    return end is not None and float(end[0]) >= 0


def _keeps_sign(node: Node, known: set[int]) -> bool:
    name, kind = type(node.operation).__name__, kind_of(node)
    if kind == "sum" and name not in ("Add", "Average"):
        return False
    keeps = kind in ("routing", "average", "product", "sum") and name != "Pad"  # of any constant
    return keeps and known.issuperset(node.inputs)


def _members(nodes: Iterable[Node]) -> Condition:
    slots = {slot for node in nodes for slot in node.outputs}
    return lambda node: not slots.isdisjoint(node.outputs)


def _frontier(
    nodes: Iterable[Node],
    near: Callable[[Node], tuple[int, ...]],
    far: Callable[[Node], tuple[int, ...]],
) -> list[Node]:
    """Weighted nodes with none before them in `nodes`; a node's `near` side is reached first."""
    behind: set[int] = set()
    found = []
    for node in nodes:
        weighted = is_linear(node.operation) and not is_norm(node)
        if not behind.isdisjoint(near(node)):
            behind.update(far(node))
        elif weighted:
            found.append(node)
            behind.update(far(node))
    return found
