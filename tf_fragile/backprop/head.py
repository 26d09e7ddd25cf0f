"""What a model's output is: logits, probabilities, numbers; and the softmax or sigmoid stripped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.activations import HEADS, Activation
from tf_fragile.backprop.casts import Cast
from tf_fragile.backprop.functions import GRID, at
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.kinds import kind_of
from tf_fragile.backprop.weighted import is_linear
from tf_fragile.errors import InputError, unknown_name

Said = Literal["logits", "probabilities", "regression"]
SAID: tuple[str, ...] = get_args(Said)
Task = Literal["classes", "labels", "regression"]


@dataclass(frozen=True)
class Head:
    """What stood after the logits, and what the model's outputs are.

    Attributes:
      kind: what was stripped: `"softmax"`, `"log_softmax"`, `"sparsemax"`, `"sigmoid"` or another
        function of single units with values from 0 to 1 (`"hard_sigmoid"`, `"own sigmoid"`). Where
        nothing was: `"linear"`, the outputs are logits; `"probabilities"`, they are probabilities
        and are explained as such; `"regression"`, they are numbers; `"open"`, one linear unit of
        which nobody said whether it is a logit or a number.
      note: one sentence for the record.
      known: whether it follows from the operations or was said; else the outputs are looked at.
    """

    kind: str
    note: str
    known: bool = True

    @property
    def by_unit(self) -> bool:
        """Whether every output unit is a probability of its own."""
        return self.kind.endswith("sigmoid")

    @property
    def over_units(self) -> bool:
        """Whether the output units share one probability."""
        return self.kind in ("softmax", "log_softmax", "sparsemax")


def check_said(said: str | None) -> None:
    """Refuses a word that is none of `SAID`."""
    if said is not None and said not in SAID:
        raise unknown_name("head", said, SAID)


def strip_head(graph: Graph, name: str, units: int, said: str | None) -> tuple[Graph, Head]:
    """`graph` cut at its logits, and what was cut off.

    Args:
      graph: a recorded model.
      name: the model's name, for messages.
      units: of the output.
      said: what the outputs are, one of `SAID`, where the user said so.

    Raises:
      InputError: the model has no operation; what was said is not so; or a softmax or sigmoid is
        followed by something that can't be undone.
    """
    producers = graph.producers()
    if graph.output not in producers:
        raise InputError(f"Model {name!r} has no operation between its input and its output.")
    tail = list(_tail(graph, producers))
    last = tail[-1]
    found = _head_kind(last.operation)
    if said == "regression":
        return graph, Head("regression", "the outputs are numbers, as said with head='regression'")
    if said == "logits":
        if found is not None:
            raise InputError(
                f"The outputs of model {name!r} were said to be logits, but its last step "
                f"{last.name!r} is a {found}; leave head out, and the logits before it are "
                "explained."
            )
        return graph, Head("linear", "the outputs are logits, as said with head='logits'")
    if found is not None:
        if units == 1 and found in ("softmax", "log_softmax", "sparsemax"):
            raise InputError(
                f"The {found} {last.name!r} of model {name!r} is over one unit, so its output "
                "never changes; give a model with a sigmoid or with two units."
            )
        note = f"{found} head {last.name!r} stripped; logits are explained"
        return _without(graph, last), Head(found, note)
    squashed = _squashed(graph, producers)
    if said == "probabilities":
        return graph, _as_they_are()
    if squashed is not None and _is_chain(producers, last, squashed):
        raise InputError(
            f"The {_head_kind(squashed.operation)} {squashed.name!r} of model {name!r} is followed "
            f"by {last.name!r}, so its head can't be stripped; {REMEDY}."
        )
    if units == 1:
        return graph, Head(
            "open", "one output, of which nobody said whether it is a logit or a number"
        )
    if squashed is None and _is_unsquashed(graph, producers):
        return graph, Head("linear", "the model ends in logits; nothing stripped")
    note = f"the outputs of {last.name!r} are taken as logits; nothing stripped"
    return graph, Head("linear", note, known=False)


REMEDY = (
    "give a model that ends in logits, or say head='probabilities' to explain the probabilities "
    "themselves"
)


def graphless_head(said: str | None) -> Head:
    """The head of a model into which nobody can see."""
    if said == "logits":
        return Head(
            "linear", "subclassed model; the outputs are logits, as said with head='logits'"
        )
    if said == "regression":
        return Head("regression", "the outputs are numbers, as said with head='regression'")
    if said == "probabilities":
        return _as_they_are()
    return Head("linear", "subclassed model; its outputs are taken as logits", known=False)


def _as_they_are() -> Head:
    return Head(
        "probabilities",
        "the outputs are probabilities, as said with head='probabilities'; they, not logits, are "
        "explained",
    )


def _tail(graph: Graph, producers: dict[int, Node]) -> Iterator[Node]:
    """The last operation, before it what only copies all entries, and the one they copy."""
    node: Node | None = producers[graph.output]
    while node is not None:
        yield node
        if not _hands_on(node):
            return
        node = producers.get(node.inputs[0])


def _hands_on(node: Node) -> bool:
    """Whether `node` has the entries of its one input, in the same order."""
    operation = node.operation
    if operation is tf.identity or isinstance(operation, Cast):
        return True
    return len(node.inputs) == 1 and type(operation).__name__ in (
        *("Reshape", "Flatten", "Squeeze", "Identity", "Dropout", "Cast", "ActivityRegularization"),
        *("ExpandDims", "Copy"),
    )


def _without(graph: Graph, last: Node) -> Graph:
    """`graph` with the tensor before `last` in place of the one after it."""
    copy = replace(last, operation=tf.identity)
    nodes = tuple(copy if node is last else node for node in graph.nodes)
    if graph.output in last.outputs:
        return replace(graph, output=last.inputs[0]).pruned()
    return replace(graph, nodes=nodes).pruned()


def _head_kind(operation: object) -> str | None:
    """The name of a head that can be stripped: what it does to units keeps their order."""
    if not isinstance(operation, Activation):
        return None
    if operation.kind in HEADS:
        return operation.kind
    return "own sigmoid" if _is_own_sigmoid(operation) else None


def _is_own_sigmoid(activation: Activation) -> bool:
    """Whether a function of single units rises from 0 to 1 and says a half at zero."""
    if activation.kind != "pointwise" or not activation.monotone:
        return False
    ends = at(activation.function, np.array([-1e4, 0, 1e4], "float32"), activation.sample)
    return ends is not None and bool(np.allclose(ends, [0, 0.5, 1], atol=1e-3))


def _squashed(graph: Graph, producers: dict[int, Node]) -> Node | None:
    """The softmax or sigmoid behind the last weighted layers, where there is one on any path."""
    waiting, seen = [graph.output], set()
    while waiting:
        slot = waiting.pop()
        node = producers.get(slot)
        if node is None or slot in seen or is_linear(node.operation):
            continue
        seen.add(slot)
        if _head_kind(node.operation) is not None:
            return node
        waiting += node.inputs
    return None


def _is_chain(producers: dict[int, Node], last: Node, first: Node) -> bool:
    """Whether one operation follows another from `first` to `last`, nothing else joining."""
    node: Node | None = last
    while node is not None and node is not first:
        node = producers.get(node.inputs[0]) if len(node.inputs) == 1 else None
    return node is first


def _is_unsquashed(graph: Graph, producers: dict[int, Node]) -> bool:
    """Whether nothing behind the last weighted layers does more than pool, add or rectify."""
    waiting = [graph.output]
    while waiting:
        node = producers.get(waiting.pop())
        if node is None:
            continue
        if kind_of(node) not in _UNBOUNDED:
            return False
        if kind_of(node) == "activation" and not _is_unbounded(node.operation):
            return False
        if not is_linear(node.operation):
            waiting += node.inputs
    return True


_UNBOUNDED = ("weighted", "routing", "average", "sum", "rescale", "activation", "batch_norm")


def _is_unbounded(activation: Activation) -> bool:
    if activation.kind in ("relu", "leaky_relu", "smooth_relu", "prelu"):
        return True
    values = at(activation.function, GRID, activation.sample)
    return values is not None and float(values.max()) > 2
