"""The user's own code: run where it is asked for by name, and never otherwise."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.models.own_code import in_library
from tf_fragile.models.saved.contents import Part, is_built_in, parts, strings
from tf_fragile.registry import Place

_PACKAGE = Path(__file__).resolve().parents[2]


def import_code(target: str) -> ModuleType:
    """Runs a Python file, or imports a module by name; what ran already is not run again.

    It defines what a model file needs, or registers explainers, metrics and attacks as ours are.
    The file's directory, or the current one for a module, joins the end of `sys.path`, so that the
    code finds its neighbours.

    Args:
      target: the path of a `.py` file, or the name of a module.

    Raises:
      InputError: there is no such file or module, or the code raised; names the line.
    """
    try:
        if target.endswith(".py") or os.sep in target:
            return _import_file(target)
        _search(Path.cwd())
        return importlib.import_module(target)
    except KeyboardInterrupt:
        raise
    # Code of others raises what it likes; a script that parses its arguments exits.
    except BaseException as error:
        where = _own_line(error)
        if isinstance(error, InputError):
            if where is None:  # nothing was run
                raise
            raise InputError(f"--import={target}, {where}: {error}") from error
        if isinstance(error, ModuleNotFoundError) and error.name == target.split(".")[0]:
            raise InputError(
                f"There is no module {target!r} for --import; give the path of a .py file, or a "
                "module that is installed or lies in the current directory."
            ) from error
        raise InputError(
            f"--import={target} could not be run ({where or 'nowhere'}: {reason(error)}); repair "
            "it, or give a file that only defines classes and functions."
        ) from error


def _own_line(error: BaseException) -> Place | None:
    """The last line of the user's own that was run, or could not be read; `None` where none was."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return Place(Path(error.filename).name, error.lineno or 0)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own_file(frame.filename)]
    return Place(Path(own[-1].filename).name, own[-1].lineno or 0) if own else None


def _is_own_file(name: str) -> bool:
    path = Path(name)
    ours = path.resolve().is_relative_to(_PACKAGE)
    return path.is_file() and not ours and not in_library(path)


def custom_objects(modules: Iterable[ModuleType], config: Any) -> dict[str, Any]:
    """The classes and functions of `modules` that a model names and nobody registered.

    Args:
      modules: what was imported for it.
      config: the model's configuration.

    Returns:
      The `custom_objects` to load it with.
    """
    defined: dict[str, Any] = {}
    for module in modules:
        defined |= {name: item for name, item in vars(module).items() if _may_be_named(item)}
    found = {
        part.key: defined[part.name]
        for part in parts(config)
        if part.name in defined
        and not part.module.startswith("keras")
        and keras.saving.get_registered_object(part.key) is None
    }
    bare = {text for text in strings(config) if text in defined and not is_built_in(text)}
    return {text: defined[text] for text in bare} | found


def unknown_parts(config: Any, objects: Mapping[str, Any]) -> list[Part]:
    """The parts of a model that neither Keras, nor a registration, nor `objects` has."""
    return [
        part
        for part in parts(config)
        if not part.code
        and not part.name.startswith("__")
        and not part.module.startswith("keras")
        and part.key not in objects
        and keras.saving.get_registered_object(part.key) is None
        and not (part.function and is_built_in(part.name))
    ]


def reason(error: BaseException) -> str:
    """The first sentence of an exception, in one line; of nested ones of Keras, the innermost."""
    text = re.sub("\x1b\\[[0-9;]*m", "", str(error)).rsplit("Exception encountered:", 1)[-1]
    text = re.sub(r"Exception encountered when calling \S+\s+", "", text)
    text = " ".join(text.split())
    if not text or isinstance(error, KeyError | SystemExit):
        text = f"{type(error).__name__} {text}".strip()
    return text.split(". ")[0].rstrip(".")[:200]


def _may_be_named(item: Any) -> bool:
    """Whether a model file may ask for it by name: `from os import system` is not for it."""
    if not callable(item):
        return False
    package = str(getattr(item, "__module__", "")).split(".")[0]
    if package == "tensorflow":
        return any(item is known for known in vars(tf.nn).values())
    return package not in sys.stdlib_module_names


def _import_file(target: str) -> ModuleType:
    path = Path(target)
    if path.is_dir():
        raise InputError(
            f"--import={target} is a directory; give a .py file in it, or a package by its name."
        )
    if not path.is_file():
        raise InputError(
            f"There is no file {target!r} for --import; give the path of a .py file, or the name "
            "of a module."
        )
    if path.suffix != ".py":
        raise InputError(f"--import={target} is no .py file; give one, or the name of a module.")
    path = path.resolve()
    for module in list(sys.modules.values()):
        if isinstance(file := getattr(module, "__file__", None), str) and Path(file) == path:
            return module
    name = path.stem
    if name in sys.modules or _elsewhere(name):  # a file may be called `types.py`
        name = f"{name}_{zlib.crc32(os.fsencode(path)):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"--import={target} is no Python file; give one.")
    module = importlib.util.module_from_spec(spec)
    _search(path.parent)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _elsewhere(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True


def _search(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.append(str(directory))
