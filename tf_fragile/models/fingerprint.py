"""A digest of a model, so that a record says which one it is about."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tf_fragile.models.own_code import OwnCode, Tree, is_code, is_own


def fingerprint(model: keras.Model) -> str:
    """SHA-256 of what the model computes: layers, wiring, precision, custom code and weights.

    Of each layer and operation its class, configuration and precision count, of the user's own
    classes and functions their bytecode, and what instances of them hold in plain attributes. Names
    that Keras made up count by their order alone, so that a model built twice has one fingerprint;
    the model's own name does not count.

    Args:
      model: a built Keras model.

    Returns:
      64 hexadecimal digits, the same in every process.
    """
    digest = hashlib.sha256(json.dumps(_Described().model(model), sort_keys=True).encode())
    for weight in model.get_weights():
        array = np.ascontiguousarray(weight)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


class _Described:
    """A model as JSON values; what occurs twice, as a shared layer, is described once."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._auto: dict[str, int] = {}
        self._code = OwnCode()

    def model(self, model: keras.Model) -> Tree:
        """The whole of it, in names made up in the order of their numbers."""
        operations = [*_operations(model)]
        made_up = sorted({o.name for o in operations if _is_made_up(o)}, key=_by_number)
        self._auto = {name: place for place, name in enumerate(made_up)}
        self._auto |= {model.name: -1}
        return self._operation(model)

    def _operation(self, operation: Any) -> Tree:
        """A layer, a model in the model, or an operation of `keras.ops`."""
        if id(operation) in self._numbers:
            return self._numbers[id(operation)]
        self._numbers[id(operation)] = len(self._numbers)
        said = {
            "class": self._code.of(type(operation)),
            "name": self._name(operation.name),
            "precision": self._plain(_policy(operation)),
        }
        if isinstance(operation, keras.Sequential):
            return said | {"layers": [self._operation(layer) for layer in operation.layers]}
        if _is_functional(operation):
            return said | self._graph(operation)
        said["config"] = self._plain(_config(operation))
        said["attributes"] = self._attributes(operation)
        inside = getattr(operation, "_flatten_layers", None)
        layers = inside(include_self=False, recursive=False) if inside else ()
        return said | {"layers": [self._operation(layer) for layer in layers]}

    def _graph(self, model: keras.Model) -> Tree:
        places = {id(operation): n for n, operation in enumerate(model.operations)}
        nodes = {id(node) for depth in model._nodes_by_depth.values() for node in depth}

        def tensor(value: Any) -> Tree:
            if isinstance(value, keras.KerasTensor):
                maker, node, place = value._keras_history
                return ["tensor", places.get(id(maker)), _rank(maker, node, nodes), place]
            if isinstance(value, list | tuple):
                return [tensor(item) for item in value]
            if isinstance(value, Mapping):
                return {str(key): tensor(item) for key, item in value.items()}
            return self._plain(value)

        calls = [
            [n, tensor(node.arguments.args), tensor(node.arguments.kwargs)]
            for n, operation in enumerate(model.operations)
            for node in operation._inbound_nodes
            if id(node) in nodes
        ]
        ends = [tensor(model._inputs_struct), tensor(model._outputs_struct)]
        own = self._attributes(model) if is_own(type(model)) else None
        return {
            "operations": [self._operation(operation) for operation in model.operations],
            "calls": calls,
            "ends": ends,
            "attributes": own,
        }

    def _attributes(self, operation: Any) -> Tree:
        """Of an instance of a user's class all plain ones, of another the user's code in it."""
        own = is_own(type(operation))
        found = {}
        for name, value in sorted(vars(operation).items()):
            if name in _of_every_layer():
                continue
            if is_code(value) or isinstance(value, type):
                found[name] = self._code.of(value)
            elif own:
                found[name] = self._plain(value)
        return found

    def _plain(self, value: Any) -> Tree:
        """A value of a configuration or an attribute, without what differs between processes."""
        if isinstance(value, keras.layers.Layer):
            return {"layer": self._operation(value)}
        if isinstance(value, keras.Variable):
            return ["variable", str(value.shape), str(value.dtype)]
        if isinstance(value, Mapping):
            return {str(k): self._entry(k, v, value) for k, v in value.items() if k not in _UNSAID}
        if isinstance(value, list | tuple):
            return [self._plain(item) for item in value]
        if isinstance(value, str):
            return self._name(value)
        if keras.ops.is_tensor(value):
            return self._code.value(np.asarray(value))
        return self._code.value(value)

    def _entry(self, key: Any, value: Any, whole: Mapping[Any, Any]) -> Tree:
        if key == "config" and whole.get("class_name") == "__lambda__":
            return "told by its code"
        if isinstance(value, Mapping) and _is_saved_code(value):
            return "told by its code"
        return self._plain(value)

    def _name(self, name: str) -> Tree:
        return {"made up": self._auto[name]} if name in self._auto else name


# Where a class comes from is told by the class; `shared_object_id` is an address.
_UNSAID = frozenset({"module", "registered_name", "shared_object_id"})


def _operations(operation: Any, seen: set[int] | None = None) -> list[Any]:
    """All layers and operations in a model, itself the first."""
    seen = set() if seen is None else seen
    if id(operation) in seen:
        return []
    seen.add(id(operation))
    inside = getattr(operation, "_flatten_layers", None)
    found = [*(operation.operations if _is_functional(operation) else ())]
    found += [*(inside(include_self=False, recursive=False) if inside else ())]
    return [operation, *(item for part in found for item in _operations(part, seen))]


def _is_functional(operation: Any) -> bool:
    return hasattr(operation, "operations") and hasattr(operation, "_nodes_by_depth")


def _is_made_up(operation: Any) -> bool:
    """Whether Keras named it: by its class, and a number where there was one before."""
    name = re.sub(r"\W+", "", type(operation).__name__)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
    return re.fullmatch(rf"{re.escape(name)}(_\d+)?", operation.name) is not None


def _by_number(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if stem and number.isdecimal() else (name, 0)


def _rank(maker: Any, node: int, nodes: set[int]) -> int:
    """Which of its calls in this model; a layer may have been called in others before."""
    return sum(id(other) in nodes for other in maker._inbound_nodes[:node])


def _policy(operation: Any) -> Any:
    policy = getattr(operation, "dtype_policy", None)
    return None if policy is None else keras.dtype_policies.serialize(policy)


def _config(operation: Any) -> Any:
    """Its configuration; `None` where it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of saving lambdas, which is not done here
        try:
            return operation.get_config()
        # Classes of others raise what they like.
        except Exception:
            return None


def _is_saved_code(value: Mapping[Any, Any]) -> bool:
    saved = value.get("value")
    return value.keys() == {"value"} and isinstance(saved, list | tuple) and len(saved) == 3


@functools.cache
def _of_every_layer() -> frozenset[str]:
    """The attributes that Keras gives every layer and model, trained ones included."""
    layer = keras.layers.Identity(name="plain")
    image = keras.Input((1,), name="plain_input")
    models = [
        keras.Model(image, layer(image), name="plain_functional"),
        keras.Sequential([image, layer], name="plain_sequential"),
        type("Plain", (keras.Model,), {})(name="plain_subclassed"),
    ]
    for model in models:
        model.compile(optimizer="sgd", loss="mse")
    known = {name for item in (layer, *models) for name in vars(item)}
    return frozenset(known | {"history", "optimizer", "stop_training", "_optimizer"})
