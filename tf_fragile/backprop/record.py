"""Recording a Keras model as a flat graph, through public means and without touching it."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import as_activation, fused_activation
from tf_fragile.backprop.graph import Graph, Node, Ref, single
from tf_fragile.backprop.linear import Affine, is_weighted
from tf_fragile.errors import InputError


class _Recorded(keras.Operation):
    """One symbolic call of a user's operation.

    `clone_model` insists on connected symbolic tensors; connecting them through an operation of
    ours leaves no trace on the user's layers, which a second symbolic call of them would.
    """

    def __init__(self, operation: keras.Operation) -> None:
        super().__init__()
        self.operation = operation

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return self.operation.compute_output_spec(*args, **kwargs)


def record(model: keras.Model) -> Graph | None:
    """The graph of `model`, nested models inlined and fused activations split off.

    The variables stay the model's own: changing a weight changes the next run of the graph.

    Args:
      model: a Keras model; functional, or a `Sequential` that has been built.

    Returns:
      The graph, or `None` for a subclassed model, which has none.

    Raises:
      InputError: the model has several outputs, or is a `Sequential` not yet built.
    """
    functional = _functional(model)
    if functional is None:
        return None
    if len(functional.outputs) != 1:
        raise InputError(
            f"Model {model.name!r} has {len(functional.outputs)} outputs; build a model with the "
            "one output to explain."
        )
    nodes, inputs, outputs = _record(functional, itertools.count())
    structure = keras.tree.map_structure(lambda _: 0, functional.input)
    graph = Graph(tuple(nodes), inputs, outputs[0], structure)
    return split_activations(graph).pruned()


def split_activations(graph: Graph) -> Graph:
    """`graph` with weighted layers as `Affine` and every activation as an `Activation` node."""
    fused = [n for n in graph.nodes if is_weighted(n.operation) and fused_activation(n.operation)]
    spare = iter(graph.new_slots(len(fused)))
    nodes: list[Node] = []
    for node in graph.nodes:
        activation = as_activation(node.operation)
        if is_weighted(node.operation):
            affine = replace(node, operation=Affine(node.operation), kwargs={})
            after = fused_activation(node.operation)
            if after is None:
                nodes.append(affine)
                continue
            middle = next(spare)
            nodes.append(replace(affine, outputs=(middle,)))
            nodes.append(single(after, [middle], node.output, node.name))
        elif activation is not None and len(node.inputs) == 1:
            nodes.append(single(activation, node.inputs, node.output, node.name))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


@functools.cache
def _functional_class() -> Any:
    """The class of functional models, which Keras does not export by name."""
    x = keras.Input((1,))
    return type(keras.Model(x, x))


def _functional(model: keras.Model) -> keras.Model | None:
    """`model` as a functional model, or `None` where its call is the user's own code."""
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise InputError(
                f"Sequential model {model.name!r} has no input shape yet; "
                "give it a keras.Input or call it once."
            )
        return keras.Model(model.inputs, model.outputs, name=model.name)
    plain = _functional_class()
    if isinstance(model, plain) and type(model).call is plain.call:
        return model
    return None


def _record(
    model: keras.Model, slots: Iterator[int]
) -> tuple[list[Node], tuple[int, ...], list[int]]:
    """Nodes, input slots and output slots of a functional model."""
    symbols: dict[int, int] = {}
    keep: list[Any] = []  # symbolic tensors are known by id, so they must stay alive
    nodes: list[Node] = []

    def slot(tensor: Any) -> int:
        keep.append(tensor)
        if id(tensor) not in symbols:
            symbols[id(tensor)] = next(slots)
        return symbols[id(tensor)]

    def refer(leaf: Any) -> Any:
        return Ref(slot(leaf)) if isinstance(leaf, keras.KerasTensor) else leaf

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        result = _Recorded(operation)(*args, **kwargs)
        outputs = tuple(slot(tensor) for tensor in keras.tree.flatten(result))
        args, kwargs = keras.tree.map_structure(refer, (args, kwargs))
        inner = _functional(operation) if isinstance(operation, keras.Model) else None
        if inner is None:
            kwargs = _inference(operation, kwargs)
            nodes.append(Node(operation, tuple(args), kwargs, outputs, operation.name))
        else:
            nodes.extend(_inline(inner, args, outputs, slots))
        return result

    clone = keras.models.clone_model(model, clone_function=lambda op: op, call_function=call)
    inputs = tuple(slot(tensor) for tensor in keras.tree.flatten(clone.input))
    return nodes, inputs, [slot(tensor) for tensor in keras.tree.flatten(clone.output)]


def _inline(
    model: keras.Model, args: Any, outputs: tuple[int, ...], slots: Iterator[int]
) -> list[Node]:
    """The nodes of a nested model, reading the caller's slots and filling `outputs`."""
    nodes, inputs, results = _record(model, slots)
    sources = [leaf.slot for leaf in keras.tree.flatten(args[0])]
    rename = dict(zip(inputs, sources, strict=True))

    def renamed(leaf: Any) -> Any:
        return Ref(rename.get(leaf.slot, leaf.slot)) if isinstance(leaf, Ref) else leaf

    inner = []
    for node in nodes:
        args, kwargs = keras.tree.map_structure(renamed, (node.args, dict(node.kwargs)))
        inner.append(replace(node, args=args, kwargs=kwargs))
    # A nested model may hand an input straight through, so its results are copied, not renamed.
    identity = [
        single(tf.identity, [rename.get(result, result)], output, model.name)
        for result, output in zip(results, outputs, strict=True)
    ]
    return inner + identity


def _inference(operation: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """`kwargs` with training switched off where the operation knows the word."""
    if "training" in inspect.signature(operation.call).parameters:
        return {**kwargs, "training": False}
    return {name: value for name, value in kwargs.items() if name != "training"}
