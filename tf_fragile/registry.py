"""Tables from a name to the thing it names, so that a new one is one file and one line."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tf_fragile.errors import InputError, shown, unknown_name

T = TypeVar("T")
_NAME = re.compile(r"[^\s:,=]+")  # what a command line can say


@dataclass(frozen=True)
class Place:
    """Where a line of code is.

    Attributes:
      file: its path.
      line: its number.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


class Registry(Mapping[str, T]):
    """A read-mostly mapping whose look-up errors suggest the nearest names.

    Args:
      kind: what the names name, in the singular, for error messages.
      of: the class of all entries, where they have one.
    """

    def __init__(self, kind: str, of: type | None = None) -> None:
        self.kind = kind
        self._of = of
        self._entries: dict[str, T] = {}
        self._places: dict[str, Place] = {}

    def register(self, name: str, entry: T) -> T:
        """Adds `entry` under `name` and returns it; a name can be taken once.

        Raises:
          InputError: the name is taken, or none that a command line can say; the entry is of
            another class.
        """
        caller = sys._getframe(1)
        place = Place(caller.f_code.co_filename, caller.f_lineno)
        if not _NAME.fullmatch(str(name)):
            raise InputError(
                f"The {self.kind} {shown(name)} has no name that a command line can say; give a "
                "text without spaces, commas, colons and equals signs."
            )
        if name in self._entries:
            raise InputError(
                f"The {self.kind} {name!r} is registered twice, in {self._places[name]} and in "
                f"{place}; give one of them another name."
            )
        if self._of is not None and not isinstance(entry, self._of):
            kind = self._of.__name__
            raise InputError(
                f"The {self.kind} {name!r} is registered as {shown(entry)}; give its {kind}: "
                f"register({name!r}, {kind}(...))."
            )
        self._entries[name] = entry
        self._places[name] = place
        return entry

    def registered(self) -> tuple[str, ...]:
        """All names in the order of their registration."""
        return tuple(self._entries)

    def place(self, name: str) -> Place:
        """Where `name` was registered."""
        self[name]
        return self._places[name]

    def __getitem__(self, name: str) -> T:
        """The entry called `name`. Raises `InputError` naming the nearest ones."""
        try:
            return self._entries[name]
        except (KeyError, TypeError):  # what is no text may have no hash
            raise unknown_name(self.kind, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


def later(path: str) -> Callable[..., Any]:
    """A function by its place, `package.module:NAME`, which is imported when it is called.

    For parts behind TensorFlow, whose import takes seconds that `--help` should not.
    """
    module, _, name = path.partition(":")

    def call(*arguments: Any, **settings: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments, **settings)

    return call
