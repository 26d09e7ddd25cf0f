"""Functions whose code lies in the file: unpacked with the names that such code takes for granted.

Keras gives the code of a saved lambda none of the names of the program that it was written in, so
that `lambda v: tf.nn.relu(v)` is a `NameError` wherever it is loaded. Here the configuration is
changed to name functions instead, which are made with the usual names and those of the user's
imports.
"""

from __future__ import annotations

import builtins
import codecs
import dis
import json
import marshal
import math
import os
import platform
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.models.saved.contents import held_code
from tf_fragile.models.saved.formats import LEGACY

_USUAL = {
    "tf": tf,
    "tensorflow": tf,
    "keras": keras,
    "layers": keras.layers,
    "ops": keras.ops,
    "K": keras.backend,
    "np": np,
    "numpy": np,
    "math": math,
}
_OF_KERAS_2 = (
    "function_type",
    "module",
    "output_shape",
    "output_shape_type",
    "output_shape_module",
)


def unpack(config: Any, modules: Iterable[ModuleType]) -> tuple[Any, dict[str, FunctionType]]:
    """A configuration with functions named in place of their code, and those functions.

    Args:
      config: of the model.
      modules: the user's imports; the code sees their names.

    Raises:
      InputError: the code uses names that are none of these, or is that of another Python version.
    """
    names = {**_USUAL, "__builtins__": builtins}
    for module in modules:
        names |= {name: item for name, item in vars(module).items() if not name.startswith("__")}
    made: dict[str, FunctionType] = {}

    def named(tree: Any) -> Any:
        if isinstance(tree, list):
            return [named(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        saved = held_code(tree)
        if saved is None:
            return {key: named(value) for key, value in tree.items()}
        key = f"lambda_{len(made)}_of_the_file"
        made[key] = _function(saved, names)
        entry = {
            "class_name": "function",
            "module": "builtins",
            "registered_name": "function",
            "config": key,
        }
        if "function_type" not in tree:
            return entry
        return {k: v for k, v in tree.items() if k not in _OF_KERAS_2} | {"function": entry}

    return named(config), made


def write_copy(path: str | os.PathLike[str], config: Any, directory: Path) -> Path:
    """A copy of a saved model in `directory` with another configuration."""
    text = json.dumps(config)
    if os.fspath(path).endswith(LEGACY):
        copy = directory / "model.h5"
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = text
        return copy
    copy = directory / "model"
    if Path(path).is_dir():
        shutil.copytree(path, copy)
    else:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(copy)
    (copy / "config.json").write_text(text, "utf-8")
    return copy


def _function(saved: Any, names: dict[str, Any]) -> FunctionType:
    if isinstance(saved, dict) and "code" in saved:
        text, defaults, closure = saved["code"], saved.get("defaults"), saved.get("closure")
    else:
        text, defaults, closure = saved["value"] if isinstance(saved, dict) else saved
    try:
        code = marshal.loads(codecs.decode(text.encode("ascii"), "base64"))
    except (ValueError, EOFError, TypeError) as error:
        raise InputError(
            f"The code of a lambda in the model file can't be read by Python "
            f"{platform.python_version()} ({error}); with the Python that saved it, write the "
            "layer as a class and save the model again."
        ) from error
    if not isinstance(code, CodeType):
        raise ValueError("the saved code of a lambda is no code")
    missing = [name for name in _globals(code) if name not in names and not hasattr(builtins, name)]
    if missing:
        raise InputError(
            f"A lambda in the model file uses the name {missing[0]!r}, which is not saved with it; "
            "give a Python file that defines it by --import=FILE (in Python: imports=['FILE'])."
        )
    cells = None if closure is None else tuple(map(CellType, closure))
    return FunctionType(
        code, names, code.co_name, None if defaults is None else tuple(defaults), cells
    )


def _globals(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals(constant)
