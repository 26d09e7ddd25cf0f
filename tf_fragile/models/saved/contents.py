"""What a saved model is made of, read from its configuration without running anything."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from tf_fragile.errors import InputError
from tf_fragile.models.saved.formats import LEGACY

_BUILT_IN = (
    keras,
    keras.layers,
    keras.models,
    keras.activations,
    keras.initializers,
    keras.regularizers,
    keras.constraints,
    keras.dtype_policies,
    keras.losses,
    keras.metrics,
    keras.ops,
)
_NETWORKS = ("Functional", "Model", "Sequential")  # .h5 files don't say whose these are


@dataclass(frozen=True)
class Part:
    """A class or function that a saved model names.

    Attributes:
      name: of the class or function, as Python calls it.
      key: what Keras looks it up by, `package>name` for registered ones.
      module: of Keras, or of a library of Keras' that it imports; `""` elsewhere.
      function: whether it is a function.
      layer: the name of the layer that it is or belongs to.
      code: whether the file holds its code, as that of a lambda.
    """

    name: str
    key: str
    module: str
    function: bool
    layer: str
    code: bool


def read_config(path: str | os.PathLike[str]) -> Any:
    """The configuration of the model in a `.keras` file or directory, or an `.h5` file.

    Raises:
      InputError: an `.h5` file of weights alone.
      Exception: whatever zipfile, h5py and json raise on damaged files.
    """
    text = os.fspath(path)
    if Path(path).is_dir():
        return json.loads((Path(path) / "config.json").read_text("utf-8"))
    if not text.endswith(LEGACY):
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise InputError(
                f"{text!r} has weights without a network; build the network in Keras, read them "
                "with model.load_weights and save it whole with model.save('name.keras')."
            )
        return json.loads(file.attrs["model_config"])


def parts(tree: Any, layer: str = "") -> Iterator[Part]:
    """Every class and function that a configuration names, in its order."""
    if isinstance(tree, list):
        for item in tree:
            yield from parts(item, layer)
    elif isinstance(tree, dict):
        own = tree.get("config")
        if held_code(tree) is not None and "function_type" not in tree:
            yield Part("<lambda>", "<lambda>", "", True, layer, True)
            return
        if isinstance(tree.get("class_name"), str) and own is not None:
            if isinstance(own, dict) and isinstance(own.get("name"), str):
                layer = own["name"]
            yield _part(tree, layer)
        for value in tree.values():
            yield from parts(value, layer)


def strings(tree: Any) -> Iterator[str]:
    """Every text in a configuration but names of layers: `.h5` files name functions so."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, list):
        for item in tree:
            yield from strings(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key != "name":
                yield from strings(value)


def is_built_in(name: str) -> bool:
    """Whether Keras has a class or function of this name where configurations look for them."""
    return name in _NETWORKS or any(hasattr(room, name) for room in _BUILT_IN)


def held_code(tree: dict[str, Any]) -> Any:
    """The marshalled code that an entry of a configuration stands for; `None` for others."""
    if tree.get("class_name") == "__lambda__":
        return tree["config"]
    if tree.get("function_type") == "lambda":  # a Lambda of Keras 2
        return tree["function"]
    # Keras writes the lambda of an `activation=` so, and can't read that again itself.
    value = tree.get("value")
    if len(tree) == 1 and isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return tree
    return None


def _part(entry: dict[str, Any], layer: str) -> Part:
    name, own = entry["class_name"], entry["config"]
    function = name == "function" and isinstance(own, str)
    key = own if function else entry.get("registered_name") or name
    module = entry.get("module") or ""
    if "module" not in entry and is_built_in(name):
        module = "keras"  # .h5 files of Keras 2 have no modules
    code = isinstance(own, dict) and held_code(own) is not None
    called = (key if function else name).split(">")[-1]
    return Part(called, key, module, function, layer, code)
