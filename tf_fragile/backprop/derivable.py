"""Inputs by which nothing can be derived: numbers that name something, masks, conditions."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.kinds import reads_names
from tf_fragile.errors import InputError


def check_derivable(model: keras.Model, graph: Graph) -> None:
    """Refuses a model with an input that only looks something up or steers an operation.

    Args:
      model: the user's.
      graph: what was recorded of it.

    Raises:
      InputError: names the layer that looks up, or the input, and the model to explain instead.
    """
    reached, lookups = _followed(graph)
    needed = _needed(graph)
    dead = [i for i, slot in enumerate(graph.inputs) if slot not in reached]
    named = _looked_up(graph, lookups, [graph.inputs[i] for i in dead])
    if named:
        others = [t.name for t, s in zip(model.inputs, graph.inputs, strict=True) if s in needed]
        layers = list(dict.fromkeys(node.name for nodes in named.values() for node in nodes))
        raise InputError(
            f"{_layers(layers)} of model {model.name!r} {'looks' if len(layers) == 1 else 'look'} "
            "up numbers that name something, such as token ids, by which nothing can be derived; "
            f"{_behind(model, layers, others, once=len(lookups) == len(layers))}."
        )
    steering = [i for i in dead if _is_steering(graph, graph.inputs[i])]
    if steering:
        name = model.inputs[steering[0]].name
        raise InputError(
            f"Input {name!r} of model {model.name!r} only steers it, as a mask or a condition, so "
            "nothing can be derived by it; explain a model in which it is a constant, made by "
            "calling this one with the other inputs and that constant."
        )


def _followed(graph: Graph) -> tuple[set[int], list[Node]]:
    """The slots from which a derivative reaches the output, and the lookups where it ends."""
    reached, lookups = {graph.output}, []
    for node in reversed(graph.nodes):
        if not reached.intersection(node.outputs):
            continue
        if reads_names(node):
            lookups.append(node)
        else:
            reached.update(node.inputs)
    return reached, lookups[::-1]


def _needed(graph: Graph) -> set[int]:
    """The slots that whatever stands behind the lookups still reads, masks and conditions too."""
    needed = {graph.output}
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs) and not reads_names(node):
            needed.update(node.reads)
    return needed


def _looked_up(graph: Graph, lookups: list[Node], slots: list[int]) -> dict[int, list[Node]]:
    """Of those input slots, the ones that reach a lookup, with the lookups."""
    found = {}
    for slot in slots:
        seen = {slot}
        for node in graph.nodes:
            if seen.intersection(node.reads):
                seen.update(node.outputs)
        nodes = [node for node in lookups if seen.intersection(node.reads)]
        if nodes:
            found[slot] = nodes
    return found


def _is_steering(graph: Graph, slot: int) -> bool:
    """Whether an input is read, and only ever where nothing passes back."""
    seen, read = {slot}, False
    for node in graph.nodes:
        if seen.intersection(node.inputs):
            seen.update(node.outputs)
        read |= bool(seen.intersection(node.reads) - set(node.inputs))
    return read and graph.output not in seen


def _layers(names: list[str]) -> str:
    if len(names) == 1:
        return f"Layer {names[0]!r}"
    return f"Layers {', '.join(map(repr, names[:-1]))} and {names[-1]!r}"


def _behind(model: keras.Model, layers: Sequence[str], others: Sequence[str], once: bool) -> str:
    """What to do about lookups; `others` stay inputs, `once` where each layer is called once."""
    pronoun = "it" if len(layers) == 1 else "them"
    own = {layer.name for layer in getattr(model, "layers", [])}
    if not once or not own.issuperset([*layers, *others]):
        return f"explain the model behind {pronoun}, whose input is what {pronoun} gives"
    tensors = [f"model.get_layer({name!r}).output" for name in (*layers, *others)]
    inputs = tensors[0] if len(tensors) == 1 else f"[{', '.join(tensors)}]"
    return f"explain the model behind {pronoun}, keras.Model({inputs}, model.output)"
