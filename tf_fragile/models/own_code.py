"""Code that users wrote as plain values, equal where it is: its bytecode and what that refers to.

Comments, line numbers and file names don't count. Installed packages are taken by name and version,
functions and classes of the user's own files by their bytecode, with the functions, classes and
constants that they name.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

Tree = Any  # JSON values

_LIBRARIES = tuple(
    Path(sysconfig.get_paths()[name]).resolve() for name in ("stdlib", "purelib", "platlib")
)
_ABOUT_FILES = frozenset({"__firstlineno__", "__static_attributes__", "__module__", "__qualname__"})


def is_own(item: Any) -> bool:
    """Whether a function, a class or a module is the user's: neither built in nor installed."""
    if isinstance(item, ModuleType):
        name = item.__name__
    elif isinstance(item, FunctionType):
        name = item.__globals__.get("__name__") or ""  # code unpacked from a file has none
    else:
        name = getattr(item, "__module__", None) or ""
    if name in sys.builtin_module_names:
        return False
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if file is None:  # a notebook, a console, code from a file; or a namespace of the interpreter
        return name.split(".")[0] not in sys.stdlib_module_names or name in ("", "__main__")
    return not in_library(Path(file))


def in_library(file: Path) -> bool:
    """Whether a file is Python's own or an installed one."""
    return any(file.resolve().is_relative_to(library) for library in _LIBRARIES)


class OwnCode:
    """Describes functions and classes; each once, so that those that name each other end."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []  # or numbers of theirs would be given again

    def of(self, item: Any) -> Tree:
        """What a function, method, class or module is."""
        if isinstance(item, functools.partial):
            given = [self.value(v) for v in item.args]
            named = {k: self.value(v) for k, v in sorted(item.keywords.items())}
            return {"partial": self.of(item.func), "args": given, "kwargs": named}
        if isinstance(item, MethodType):
            return {"method": self.of(item.__func__)}
        inner = getattr(item, "python_function", None) or getattr(item, "__wrapped__", None)
        if inner is not None and not isinstance(item, type):
            return {"wrapped": self.of(inner)}
        name = str(getattr(item, "__qualname__", type(item).__name__))
        if not is_own(item):
            return _installed(item, name)
        if id(item) in self._seen:
            return {"seen": self._seen[id(item)]}
        self._seen[id(item)] = len(self._seen)
        self._alive.append(item)
        if isinstance(item, type):
            return {"class": item.__name__, "parts": self._of_class(item)}
        if isinstance(item, FunctionType):
            return self._of_function(item)
        return {"named": name}

    def value(self, value: Any) -> Tree:
        """A plain value, an array by its digest, code by `of`; of anything else its class."""
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            return f"{type(value).__name__} {value!r}"
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, set | frozenset):
            return {"set": sorted(repr(self.value(item)) for item in value)}
        if isinstance(value, dict):
            items = [[repr(self.value(k)), self.value(v)] for k, v in value.items()]
            return {"dict": sorted(items, key=lambda item: item[0])}
        if isinstance(value, np.ndarray | np.generic):
            array = np.ascontiguousarray(value)
            content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
            return f"array {array.dtype.str} {array.shape} {hashlib.sha256(content).hexdigest()}"
        if isinstance(value, CodeType):
            return self._of_bytecode(value)
        if callable(value) and (is_code(value) or isinstance(value, type)):
            return self.of(value)
        return f"a {type(value).__name__}"

    def _of_function(self, function: FunctionType) -> Tree:
        code = function.__code__
        cells = [_content(cell) for cell in function.__closure__ or ()]
        return {
            "code": self._of_bytecode(code),
            "defaults": self.value(function.__defaults__),
            "named_defaults": self.value(function.__kwdefaults__),
            "closure": [self.value(content) for content in cells],
            "names": {
                name: self._named(function.__globals__[name], names)
                for names in [sorted(set(_names(code)))]
                for name in names
                if name in function.__globals__
            },
        }

    def _named(self, item: Any, names: list[str]) -> Tree:
        """What a global name stands for; of a module of the user's, what the code takes from it."""
        if not isinstance(item, ModuleType):
            return self.value(item)
        if not is_own(item):
            return item.__name__
        return {name: self.value(getattr(item, name)) for name in names if hasattr(item, name)}

    def _of_class(self, cls: type) -> Tree:
        parts: dict[str, Tree] = {"bases": [self.of(base) for base in cls.__bases__]}
        for name, item in sorted(vars(cls).items()):
            if name in _ABOUT_FILES or name == "__doc__":
                continue
            if isinstance(item, staticmethod | classmethod):
                parts[name] = self.value(item.__func__)
            elif isinstance(item, property):
                parts[name] = [self.value(part) for part in (item.fget, item.fset)]
            else:
                parts[name] = self.value(item)
        return parts

    def _of_bytecode(self, code: CodeType) -> Tree:
        return [
            code.co_code.hex(),
            [self.value(constant) for constant in code.co_consts],
            [list(names) for names in (code.co_names, code.co_varnames, code.co_freevars)],
            [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags],
        ]


def is_code(value: Any) -> bool:
    """Whether it is a function, a method, a part of one, or a compiled one."""
    known = isinstance(value, FunctionType | MethodType | functools.partial)
    return known or hasattr(value, "python_function")


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _installed(item: Any, name: str) -> str:
    module = getattr(item, "__module__", None) or ""
    return f"{module}.{name} {_version(module.split('.')[0])}"


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
