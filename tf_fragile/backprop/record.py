"""Recording a Keras model as a flat graph, through public means and without touching it."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.activations import as_activation, fused_activation
from tf_fragile.backprop.asked import ask
from tf_fragile.backprop.casts import Cast, ToInteger, measured_inputs
from tf_fragile.backprop.constants import with_constant_kernels
from tf_fragile.backprop.graph import OF_SHAPE, Graph, Node, Ref, Spec, single
from tf_fragile.backprop.islands import merge_islands
from tf_fragile.backprop.kinds import KNOWN, kind_of
from tf_fragile.backprop.linear import Affine, is_weighted
from tf_fragile.backprop.masks import Hung, MaskOf, Masks, reads_hanging
from tf_fragile.backprop.wrappers import StackSteps, TakeStep, unwrapped
from tf_fragile.errors import InputError


class _Recorded(keras.Operation):  # type: ignore[misc]  # Keras ships no types
    """One symbolic call of a user's operation.

    `clone_model` insists on connected symbolic tensors; connecting them through an operation of
    ours leaves no trace on the user's layers, which a second symbolic call of them would.
    """

    def __init__(self, spec: Callable[..., Any]) -> None:
        super().__init__()
        self.spec = spec

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return self.spec(*args, **kwargs)


def record(model: keras.Model) -> Graph | None:
    """The graph of `model`, nested models inlined and fused activations split off.

    The variables stay the model's own: changing a weight changes the next run of the graph.
    Everything that a call was given is in it: masks, which Keras hands on unseen, are arguments,
    and a cast that a layer's policy makes is an operation.

    Args:
      model: a Keras model; functional, or a `Sequential` that has been built.

    Returns:
      The graph, or `None` for a model with a `call` of its own, which has none.

    Raises:
      InputError: the model has several outputs, is a `Sequential` not yet built, or has a layer
        called with `training=True`.
    """
    functional = functional_form(model)
    if functional is None:
        return None
    if len(functional.outputs) != 1:
        raise InputError(
            f"Model {model.name!r} has {len(functional.outputs)} outputs; build a model with the "
            "one output to explain."
        )
    recorder = _Recorder()
    inputs = [recorder.input(tensor) for tensor in functional.inputs]
    (output,) = recorder.run(functional, [tensor for _, tensor in inputs])
    graph = Graph(
        tuple(recorder.nodes),
        tuple(slot for slot, _ in inputs),
        recorder.slot(output),
        recorder.specs,
    )
    graph = split_activations(with_constant_kernels(measured_inputs(graph)))
    return ask(merge_islands(graph), KNOWN, _is_open).pruned()


def _is_open(node: Node) -> bool:
    return kind_of(node) == "unknown" and type(node.operation).__name__ not in OF_SHAPE


def split_activations(graph: Graph) -> Graph:
    """`graph` with weighted layers as `Affine` and every activation as an `Activation` node."""
    spare = iter(graph.new_slots(len(graph.nodes)))
    specs, nodes = dict(graph.specs), []
    for node in graph.nodes:
        only = len(node.reads) == len(node.inputs) == 1 and not node.kwargs.keys() - {"training"}
        operation = unwrapped(node.operation)
        if is_weighted(operation) and len(node.inputs) == 1:
            affine = replace(node, operation=Affine(operation), args=node.args[:1], kwargs={})
            after = fused_activation(operation, _sample(specs, node.output))
            if after is None:
                nodes.append(affine)
                continue
            middle = next(spare)
            specs[middle] = specs[node.output]
            nodes.append(replace(affine, outputs=(middle,)))
            nodes.append(single(after, [middle], node.output, node.name))
            continue
        activation = as_activation(operation, _sample(specs, node.inputs[0])) if only else None
        if activation is not None and len(node.args) == 1:
            nodes.append(single(activation, node.inputs, node.output, node.name))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes), specs=specs)


def _sample(specs: Mapping[int, Spec], slot: int) -> tuple[int, ...]:
    spec = specs.get(slot)
    return () if spec is None else tuple(size or 6 for size in spec.shape[1:])


@functools.cache
def _functional_class() -> Any:
    """The class of functional models, which Keras does not export by name."""
    x = keras.Input((1,))
    return type(keras.Model(x, x))


def functional_form(model: keras.Model) -> keras.Model | None:
    """`model` as a functional model, or `None` where its call is the user's own code.

    Raises:
      InputError: a `Sequential` that has not been built.
    """
    if isinstance(model, keras.Sequential):
        if type(model).call is not keras.Sequential.call:
            return None
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


class _Recorder:
    """The nodes of a model, slot by slot, as its operations are called one after another."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.specs: dict[int, Spec] = {}
        self._slots: dict[int, int] = {}
        self._kept: list[Any] = []  # symbolic tensors are known by id, so they must stay alive
        self._numbers = itertools.count()
        self._masks = Masks()

    def slot(self, tensor: Any) -> int:
        """The slot of a symbolic tensor, a new one where it has none."""
        if id(tensor) not in self._slots:
            self._kept.append(tensor)
            number = next(self._numbers)
            self._slots[id(tensor)] = number
            self.specs[number] = Spec(tuple(tensor.shape), tensor.dtype)
        return self._slots[id(tensor)]

    def refer(self, leaf: Any) -> Any:
        """What stands for a leaf of a call's arguments."""
        if not isinstance(leaf, keras.KerasTensor):
            return leaf
        return Ref(self.slot(leaf), passive=not _is_float(leaf.dtype))

    def input(self, tensor: Any) -> tuple[int, Any]:
        """A slot for an input of the model, which gets float tensors, and what the model sees."""
        outer = keras.Input(batch_shape=tensor.shape, dtype="float32", name=tensor.name)
        return self.slot(outer), self.cast(outer, tensor.dtype, tensor.name)

    def cast(self, tensor: Any, dtype: str, name: str) -> Any:
        """`tensor` in `dtype`, by a node of its own where that changes anything."""
        if tensor.dtype == dtype:
            return tensor
        result = _Recorded(lambda x: keras.KerasTensor(x.shape, dtype))(tensor)
        operation = Cast(dtype) if _is_float(dtype) else ToInteger(dtype)
        reference = Ref(self.slot(tensor), passive=not _is_float(tensor.dtype))
        self.nodes.append(Node(operation, (reference,), {}, (self.slot(result),), name))
        self._masks.set(result, self._masks.of(tensor))
        return result

    def run(self, model: keras.Model, inputs: Sequence[Any]) -> list[Any]:
        """Records `model` on symbolic tensors, in the order of its inputs; its outputs."""
        fresh = []
        for tensor, given in zip(model.inputs, inputs, strict=True):
            # Keras cuts float64 to an inner float32; more digits do no harm, and checks need them.
            wider = given.dtype == "float64" and tensor.dtype == "float32"
            seen = given if wider else self.cast(given, tensor.dtype, tensor.name)
            own = keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
            self._kept.append(own)
            self._slots[id(own)] = self.slot(seen)
            self._masks.set(own, self._masks.of(seen))
            fresh.append(own)
        clone = keras.models.clone_model(
            model,
            input_tensors=keras.tree.pack_sequence_as(input_structure(model), fresh),
            clone_function=lambda operation: operation,
            call_function=self.call,
        )
        outputs: list[Any] = keras.tree.flatten(clone.output)
        return outputs

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Records one call; what it answers with is only symbolic."""
        args, kwargs = _first_by_place(operation, args, _without_unset(kwargs))
        result = _Recorded(operation.compute_output_spec)(*args, **kwargs)
        outputs = keras.tree.flatten(result)
        inner = functional_form(operation) if isinstance(operation, keras.Model) else None
        if inner is not None:
            flat = in_order(inner, args[0])
            for mine, theirs in zip(outputs, self.run(inner, flat), strict=True):
                # A nested model may hand an input straight through, so results are copied.
                copy = single(tf.identity, [self.slot(theirs)], self.slot(mine), operation.name)
                self.nodes.append(copy)
                self._masks.set(mine, self._masks.of(theirs))
            return result
        if type(operation) is keras.layers.TimeDistributed and self._steps(args):
            self._by_step(operation, args[0], outputs[0])
            return result
        if isinstance(operation, keras.Layer):
            args, kwargs = self._autocast(operation, (args, kwargs))
            kwargs = kwargs | self._masks.arguments(operation, _by_name(operation, args, kwargs))
            if reads_hanging(operation):
                hang = functools.partial(self._hung, operation.name)
                args, kwargs = keras.tree.map_structure(hang, (args, kwargs))
        referred = keras.tree.map_structure(self.refer, (args, _inference(operation, kwargs)))
        slots = tuple(self.slot(tensor) for tensor in outputs)
        self.nodes.append(Node(operation, tuple(referred[0]), referred[1], slots, operation.name))
        if isinstance(operation, keras.Layer):
            self._mask_outputs(operation, args, kwargs, outputs)
        return result

    def _steps(self, args: tuple[Any, ...]) -> int | None:
        """How many steps a `TimeDistributed` layer is unrolled into, as Keras does; not masked."""
        if len(args) != 1 or self._masks.of(args[0]) is not None:
            return None
        steps: int | None = args[0].shape[1]
        return steps

    def _by_step(self, wrapper: Any, series: Any, output: Any) -> None:
        """A layer applied to every step of a series, one after another."""
        done = []
        for step in range(series.shape[1]):
            shape = (series.shape[0], *series.shape[2:])
            taken = _Recorded(lambda x: keras.KerasTensor(shape, x.dtype))(series)  # noqa: B023
            place = single(TakeStep(step), [self.slot(series)], self.slot(taken), wrapper.name)
            self.nodes.append(place)
            (result,) = keras.tree.flatten(self.call(wrapper.layer, taken))
            done.append(self.slot(result))
        self.nodes.append(single(StackSteps(), done, self.slot(output), wrapper.name))

    def _autocast(self, layer: keras.Layer, given: Any) -> Any:
        """The arguments of a layer's call in its compute dtype, as its policy asks."""
        if not layer.autocast or not _is_float(layer.compute_dtype):
            return given

        def change(leaf: Any) -> Any:
            if not isinstance(leaf, keras.KerasTensor) or not _is_float(leaf.dtype):
                return leaf
            return self.cast(leaf, layer.compute_dtype, layer.name)

        return keras.tree.map_structure(change, given)

    def _hung(self, name: str, leaf: Any) -> Any:
        """A leaf of the arguments of a call of layer `name`; a tensor that has a mask, with it."""
        mask = self._masks.of(leaf)
        if mask is None:
            return leaf
        copy = _Recorded(lambda x: keras.KerasTensor(x.shape, x.dtype))(leaf)
        references = {"mask": Ref(self.slot(mask), passive=True)}
        source, result = (Ref(self.slot(leaf)),), (self.slot(copy),)
        self.nodes.append(Node(Hung(), source, references, result, name))
        self._masks.set(copy, mask)
        return copy

    def _mask_outputs(
        self, layer: keras.Layer, args: Any, kwargs: Mapping[str, Any], outputs: Sequence[Any]
    ) -> None:
        if not args:
            return
        masks, before = self._masks.after(layer, args[0], kwargs.get("mask"))
        known = {id(leaf) for leaf in keras.tree.flatten(before)}
        fresh = [mask for mask in masks if mask is not None and id(mask) not in known]
        if fresh:
            arguments = keras.tree.map_structure(self.refer, (args[0], before))
            slots = tuple(self.slot(mask) for mask in fresh)
            self.nodes.append(Node(MaskOf(layer), arguments, {}, slots, layer.name))
        for tensor, mask in zip(outputs, masks, strict=False):
            self._masks.set(tensor, mask)


def input_structure(model: keras.Model) -> Any:
    """The symbolic inputs in the nesting that a functional model was built with."""
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def in_order(model: keras.Model, x: Any) -> list[Any]:
    """The inputs of a functional model in the order of `model.inputs`, as Keras finds them.

    A dict given to a model that was built with a list is read by the names of its inputs; the
    other way round, a list is taken in the order of the sorted names.

    Args:
      model: a functional model.
      x: its inputs, in any nesting that Keras takes.

    Raises:
      InputError: the nesting can't be matched to the model's inputs.
    """
    expected = input_structure(model)
    names = [tensor.name for tensor in model.inputs]
    if isinstance(x, Mapping):
        keys = _names_in_order(expected) or names
        if not set(keys) <= set(x):
            missing = ", ".join(repr(key) for key in keys if key not in x)
            raise InputError(
                f"Model {model.name!r} takes the inputs {', '.join(map(repr, keys))}, and "
                f"{missing} is missing from {', '.join(map(repr, x))}; give a dict with those keys."
            )
        return [leaf for key in keys for leaf in keras.tree.flatten(x[key])]
    flat: list[Any] = keras.tree.flatten(x)
    if isinstance(expected, Mapping) and list(expected) != sorted(expected) and len(flat) > 1:
        raise InputError(
            f"Model {model.name!r} takes a dict of the inputs {', '.join(map(repr, expected))}, in "
            "an order of its own; give a dict, not a list."
        )
    if len(flat) != len(names):
        raise InputError(f"Model {model.name!r} takes {len(names)} inputs, got {len(flat)}.")
    return flat


def _names_in_order(expected: Any) -> list[str]:
    """The keys of a model's dict of inputs in the order of its flat inputs."""
    if not isinstance(expected, Mapping):
        return []
    numbered = keras.tree.map_structure(lambda tensor: id(tensor), expected)
    order = {number: place for place, number in enumerate(keras.tree.flatten(numbered))}
    return sorted(expected, key=lambda key: order[keras.tree.flatten(numbered[key])[0]])


def _is_float(dtype: str) -> bool:
    return "float" in dtype


def _without_unset(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """`kwargs` without masks and `training` that Keras notes down as not given."""
    unset = [n for n, v in kwargs.items() if v is None and (n == "training" or n.endswith("mask"))]
    return {name: value for name, value in kwargs.items() if name not in unset}


def _first_by_place(
    operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with the first one by place, also where it came by keyword."""
    if args or not kwargs:
        return args, kwargs
    first = next(iter(inspect.signature(operation.call).parameters), None)
    if first not in kwargs:
        return args, kwargs
    return (kwargs[first],), {name: value for name, value in kwargs.items() if name != first}


def _by_name(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name."""
    bound = inspect.signature(operation.call).bind_partial(*args)
    return {**bound.arguments, **kwargs}


def _inference(operation: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """`kwargs` with training switched off where the operation knows the word.

    Raises:
      InputError: the model itself switches training on.
    """
    parameter = inspect.signature(operation.call).parameters.get("training")
    if parameter is None:
        return {name: value for name, value in kwargs.items() if name != "training"}
    # Keras notes a default of `True` down as if it had been given; preprocessing layers have it.
    if kwargs.get("training") and parameter.default is not True:
        raise InputError(
            f"Layer {operation.name!r} ({type(operation).__name__}) is called with training=True, "
            "so that its output is random or depends on the batch; build the model without it."
        )
    return {**kwargs, "training": False}
