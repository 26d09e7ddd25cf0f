"""What each output of a model is called, and how that is known."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tf_fragile.data.class_file import parse
from tf_fragile.errors import InputError, readable


@dataclass(frozen=True)
class Classes:
    """The one mapping between names of classes and outputs.

    Attributes:
      names: for people, one an output, in the order of the outputs.
      origin: how it is known, a clause such as `"--classes=names.txt"`.
      keys: what folders of them are called, e.g. WordNet ids; the names where `None`.
    """

    names: tuple[str, ...]
    origin: str
    keys: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Classes:
        """Reads names from a file: one a line, or a table.

        A table has columns between commas, semicolons or tabs: names, and perhaps numbers of
        outputs (from 0) and keys, with a header such as `index,name` or `index,wnid,name`, or
        two columns without one. Lines such as `0 cat` or `n02084071 dog` are understood, too.

        Raises:
          InputError: if the file can't be read, a name is missing, or numbers don't count the
            outputs from 0.
        """
        table = parse(_text(path), str(path))
        return cls(table.names, f"--classes={readable(path)}", table.keys)

    def find(self, called: str) -> tuple[int, ...]:
        """The outputs that are called so, by key or name; at best in the same spelling.

        Otherwise capitals, and blanks for underscores or hyphens, make no difference.
        """
        exact, plain = self._index
        return exact.get(unicodedata.normalize("NFC", called)) or plain.get(_plain(called)) or ()

    @cached_property
    def _index(self) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
        exact: dict[str, tuple[int, ...]] = {}
        plain: dict[str, tuple[int, ...]] = {}
        for spelled in (self.names,) if self.keys is None else (self.keys, self.names):
            for output, name in enumerate(spelled):
                for table, word in (
                    (exact, unicodedata.normalize("NFC", name)),
                    (plain, _plain(name)),
                ):
                    found = table.get(word, ())
                    table[word] = found if output in found else (*found, output)
        return exact, plain


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first names, for people."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def numbered(names: Sequence[str]) -> str:
    """Names behind the numbers of their outputs: the first three and the last."""
    shown = [f"{output} {name}" for output, name in enumerate(names)]
    return ", ".join(shown if len(shown) <= 4 else [*shown[:3], "…", shown[-1]])


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFC", name)).strip().casefold()


def _text(path: str | os.PathLike[str]) -> str:
    where = Path(path).expanduser()
    if not where.is_file():
        raise InputError(f"There is no file {str(path)!r}; give a file with one class name a line.")
    try:
        return where.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"The class names {str(path)!r} can't be read ({error.strerror}); "
            "give a text file with one name a line."
        ) from error
    except UnicodeDecodeError:
        raise InputError(
            f"The class names {str(path)!r} are no UTF-8 text; write one name a line in UTF-8."
        ) from None
