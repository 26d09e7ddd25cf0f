"""Tables from a name to the thing it names, so that a new one is one file and one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from tf_fragile.errors import unknown_name

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """A read-mostly mapping whose look-up errors suggest the nearest names.

    Args:
      kind: what the names name, in the singular, for error messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str, entry: T) -> T:
        """Adds `entry` under `name` and returns it; a name can be taken once."""
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

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
