"""Facts about networks that take seconds to find, found once a model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import keras

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.network import Network

Fact = TypeVar("Fact")


class Remembered(Generic[Fact]):
    """Facts by network and question; they die with the user's model, which they must not hold.

    A model recorded twice is one network; the same model with layers rewritten is another.
    Changing weights does not make it another.
    """

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._of: WeakKeyDictionary[keras.Model, OrderedDict[Hashable, Fact]] = WeakKeyDictionary()

    def get(self, network: Network, question: Hashable, find: Callable[[], Fact]) -> Fact:
        """What `find` gave for this network and question, now or before."""
        facts = self._of.setdefault(network.model, OrderedDict())
        key = (_signature(network), question)
        if key not in facts:
            facts[key] = find()
        facts.move_to_end(key)
        while len(facts) > self._most:
            facts.popitem(last=False)
        return facts[key]


def _signature(network: Network) -> Hashable:
    if network.graph is None:
        return None
    return network.graph.output, tuple(map(_operation, network.graph.nodes))


def _operation(node: Node) -> Hashable:
    operation = node.operation
    kind = operation.kind if isinstance(operation, Activation) else ""
    return node.name, type(operation).__name__, kind, node.inputs
