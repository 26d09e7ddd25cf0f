"""The recorded graph: a flat list of operations that can be run, walked and rewritten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf

# A Keras layer, a Keras operation or a callable of ours; rules tell them apart by class.
Operation = Any
Values = dict[int, tf.Tensor]
OF_SHAPE = ("OnesLike", "ZerosLike", "FullLike")  # operations that only look at a shape


@dataclass(frozen=True)
class Ref:
    """Stands in a node's arguments for the tensor in slot `slot`.

    Attributes:
      slot: where the tensor is.
      passive: whether it steers the operation without a derivative of its own: a mask, a
        condition, token ids. Relevance and gradients don't pass it.
    """

    slot: int
    passive: bool = False


@dataclass(frozen=True)
class Spec:
    """What is known of a tensor before there are inputs.

    Attributes:
      shape: of the tensor, the batch first, `None` where free.
      dtype: its name.
    """

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True, eq=False)
class Node:
    """One call of one operation.

    Attributes:
      operation: a Keras layer or operation, or one of ours; called with the arguments below.
      args: positional arguments, any nesting, tensors replaced by `Ref`.
      kwargs: keyword arguments, likewise.
      outputs: the slots that the flattened result fills, in order.
      name: the user's name for the layer, for error messages and for rules chosen by name.
    """

    operation: Operation
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[int, ...]
    name: str

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """The slots that relevance and gradients can pass to, in order of appearance."""
        return tuple(ref.slot for ref in self._refs if not ref.passive)

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """All slots that this node reads, masks and conditions too."""
        return tuple(ref.slot for ref in self._refs)

    @property
    def _refs(self) -> list[Ref]:
        leaves = keras.tree.flatten((self.args, dict(self.kwargs)))
        return [leaf for leaf in leaves if isinstance(leaf, Ref)]

    @property
    def output(self) -> int:
        """The slot of the only (or first) output."""
        return self.outputs[0]

    def __call__(self, values: Mapping[int, tf.Tensor]) -> list[tf.Tensor]:
        """Runs the operation on the tensors in `values`."""

        def fill(leaf: Any) -> Any:
            return values[leaf.slot] if isinstance(leaf, Ref) else leaf

        args, kwargs = keras.tree.map_structure(fill, (self.args, dict(self.kwargs)))
        return called(self.operation, args, kwargs)

    def steered(self, values: Mapping[int, tf.Tensor]) -> Node:
        """The node with its masks and conditions fixed to what they are in `values`."""
        if len(self.reads) == len(self.inputs):
            return self

        def fix(leaf: Any) -> Any:
            return values[leaf.slot] if isinstance(leaf, Ref) and leaf.passive else leaf

        args, kwargs = keras.tree.map_structure(fix, (self.args, dict(self.kwargs)))
        return replace(self, args=args, kwargs=kwargs)


@dataclass(frozen=True, eq=False)
class Graph:
    """A model as a list of nodes in an order in which they can be run.

    Attributes:
      nodes: the operations, inputs before consumers.
      inputs: the slots of the flattened model inputs.
      output: the slot of the model's one output.
      specs: shapes and dtypes of the recorded slots; rewrites add slots without.
    """

    nodes: tuple[Node, ...] = field(repr=False)
    inputs: tuple[int, ...]
    output: int
    specs: Mapping[int, Spec] = field(default_factory=dict, repr=False)

    def run(self, x: Any) -> Values:
        """Every tensor of the forward pass, by slot, for inputs `x`: one, or a list in order."""
        flat = keras.tree.flatten(x)
        if len(flat) != len(self.inputs):
            raise ValueError(f"the graph takes {len(self.inputs)} input tensors, got {len(flat)}")
        values: Values = dict(zip(self.inputs, flat, strict=True))
        for node in self.nodes:
            values.update(zip(node.outputs, node(values), strict=True))
        return values

    def __call__(self, x: Any) -> tf.Tensor:
        """The graph's output for inputs `x`."""
        return self.run(x)[self.output]

    def producers(self) -> dict[int, Node]:
        """The node that fills each slot."""
        return {slot: node for node in self.nodes for slot in node.outputs}

    def consumers(self) -> dict[int, list[Node]]:
        """The nodes that read each slot; a node that reads a slot twice stands there twice."""
        table: dict[int, list[Node]] = {slot: [] for slot in self.inputs}
        for node in self.nodes:
            for slot in node.outputs:
                table.setdefault(slot, [])
            for slot in node.reads:
                table.setdefault(slot, []).append(node)
        return table

    def new_slots(self, count: int) -> range:
        """`count` slot numbers that nothing uses yet."""
        used = [*self.inputs, *(slot for node in self.nodes for slot in node.outputs)]
        first = max(used, default=-1) + 1
        return range(first, first + count)

    def map(self, change: Callable[[Node], Node]) -> Graph:
        """The graph with every node replaced by `change(node)`."""
        return replace(self, nodes=tuple(change(node) for node in self.nodes))

    def pruned(self) -> Graph:
        """The graph without the nodes on which the output does not depend."""
        needed, kept = {self.output}, []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.reads)
        return replace(self, nodes=tuple(reversed(kept)))

    def relevant(self) -> list[Node]:
        """The nodes that hand relevance of the output on, in order: none of masks or constants."""
        reached, found, dependent = {self.output}, [], self.dependent()
        for node in reversed(self.nodes):
            if reached.intersection(node.outputs) and not dependent.isdisjoint(node.outputs):
                found.append(node)
                reached.update(node.inputs)
        return found[::-1]

    def dependent(self) -> frozenset[int]:
        """The slots whose tensors depend on what the inputs hold, not on their shapes alone."""
        seen = set(self.inputs)
        for node in self.nodes:
            of_shape = type(node.operation).__name__ in OF_SHAPE
            if seen.intersection(node.reads) and not of_shape:
                seen.update(node.outputs)
        return frozenset(seen)

    def sorted(self) -> Graph:
        """The graph with its nodes in a runnable order (rewrites may append at will)."""
        ready, waiting, order = set(self.inputs), list(self.nodes), []
        while waiting:
            runnable = [node for node in waiting if ready.issuperset(node.reads)]
            if not runnable:
                raise ValueError("the graph has a cycle or reads a slot that nothing fills")
            order.extend(runnable)
            ready.update(slot for node in runnable for slot in node.outputs)
            done = set(map(id, runnable))
            waiting = [node for node in waiting if id(node) not in done]
        return replace(self, nodes=tuple(order))


def called(operation: Operation, args: Any, kwargs: Any) -> list[tf.Tensor]:
    """What an operation answers, flattened.

    In a scope of its own: a layer's name need not be one that TensorFlow takes at the root.
    """
    with tf.name_scope("operation"):
        flat: list[tf.Tensor] = keras.tree.flatten(operation(*args, **kwargs))
    return flat


def widened(tensor: tf.Tensor) -> tf.Tensor:
    """Half precision as float32: shares of shares leave its range long before values do."""
    return tf.cast(tensor, tf.float32) if tensor.dtype in (tf.float16, tf.bfloat16) else tensor


def single(operation: Operation, sources: Sequence[int], output: int, name: str) -> Node:
    """A node that calls `operation` with the tensors in `sources` and fills one slot."""
    return Node(operation, tuple(Ref(slot) for slot in sources), {}, (output,), name)
