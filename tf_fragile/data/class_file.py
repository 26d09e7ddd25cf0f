"""Reading a file of class names: one a line, or a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tf_fragile.errors import InputError

# Words of a header, the likeliest first.
_NAME = ("name", "class_name", "classname", "label_name", "category", "class", "label")
_KEY = ("wnid", "key", "folder", "directory", "synset", "wordnet_id")
_INDEX = ("index", "idx", "output", "number", "class_id", "class_index", "target", "label", "id")

_WNID = re.compile(r"n\d{8}")
_NUMBERED = re.compile(r"(\d+)[:\s]\s*(\S.*)")
_KEYED = re.compile(r"(n\d{8})\s+(\S.*)")


@dataclass(frozen=True)
class Table:
    """Names in the order of the outputs, and keys where the file has some."""

    names: tuple[str, ...]
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _Columns:
    """Where in a row the name, the number of the output and the key stand."""

    name: int
    index: int | None = None
    key: int | None = None


def parse(text: str, path: str) -> Table:
    """Names, keys and order of the classes.

    Args:
      text: of the file.
      path: of the file, for messages.

    Raises:
      InputError: if the file is empty, JSON, has gaps, or its numbers don't count from 0.
    """
    lines = [
        line.strip() for line in text.replace("\r", "\n" if "\n" not in text else "").split("\n")
    ]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise InputError(f"The class names {path!r} are empty; write one name a line.")
    if "" in lines:
        raise InputError(
            f"Line {lines.index('') + 1} of the class names {path!r} is empty, so the names after "
            "it may belong to other outputs; write one name a line, in the order of the outputs."
        )
    if "\0" in text or lines[0][0] in "{[":
        raise InputError(f"The class names {path!r} are no plain text; write one name a line.")
    for attempt in (_with_header, _without_header, _spaced):
        found = attempt(lines, path)
        if found is not None:
            return found
    return Table(tuple(lines))


def _with_header(lines: Sequence[str], path: str) -> Table | None:
    for delimiter in ",;\t":
        rows = _rows(lines, delimiter)
        header = [cell.lower().replace(" ", "_") for cell in rows[0]]
        columns = _columns(header)
        if columns is not None:
            for number, row in enumerate(rows[1:], start=2):
                if len(row) != len(header):
                    raise InputError(
                        f"Line {number} of the class names {path!r} has {len(row)} columns, but "
                        f"the header {len(header)}; put names with {delimiter!r} in quotes."
                    )
            return _ordered(rows[1:], columns, path, first_line=2)
    return None


def _columns(header: Sequence[str]) -> _Columns | None:
    """The columns of a header; `None` where it is none."""
    name = next((header.index(word) for word in _NAME if word in header), None)
    if name is None or len(header) < 2:
        return None
    index = next((header.index(w) for w in _INDEX if w in header and header.index(w) != name), None)
    key = next((header.index(word) for word in _KEY if word in header), None)
    return None if index is None and key is None else _Columns(name, index, key)


def _without_header(lines: Sequence[str], path: str) -> Table | None:
    """Two columns (or three: number, key, name) that are told by what is in them."""
    for delimiter in ",;\t":
        rows = _rows(lines, delimiter)
        widths = {len(row) for row in rows}
        if widths == {3} and _all(rows, 0, str.isdecimal) and _all(rows, 1, _is_wnid):
            return _ordered(rows, _Columns(name=2, index=0, key=1), path)
        if widths != {2}:
            continue
        if _all(rows, 0, str.isdecimal):
            return _ordered(rows, _Columns(name=1, index=0), path)
        if _all(rows, 1, str.isdecimal):
            return _ordered(rows, _Columns(name=0, index=1), path)
        if _all(rows, 0, _is_wnid) or path.lower().endswith((".csv", ".tsv")):
            return _ordered(rows, _Columns(name=1, key=0), path)
    return None


def _spaced(lines: Sequence[str], path: str) -> Table | None:
    """Lines such as `0 cat` or `n02084071 dog, domestic dog`."""
    for pattern, columns in ((_NUMBERED, _Columns(1, index=0)), (_KEYED, _Columns(1, key=0))):
        found = [pattern.fullmatch(line) for line in lines]
        rows = [list(match.groups()) for match in found if match is not None]
        counts = columns.key is not None or [int(row[0]) for row in rows] == list(range(len(rows)))
        if len(rows) == len(lines) and counts:
            table = _ordered(rows, columns, path)
            # A folder may be called as the whole line is.
            return table if columns.key is not None else Table(table.names, tuple(lines))
    return None


def _ordered(
    rows: Sequence[Sequence[str]], columns: _Columns, path: str, first_line: int = 1
) -> Table:
    if not rows:
        raise InputError(f"The class names {path!r} are empty; write one name a line.")
    for number, row in enumerate(rows, start=first_line):
        if not row[columns.name]:
            raise InputError(f"Line {number} of the class names {path!r} has no name; give one.")
    if columns.index is not None:
        rows = _by_number(rows, columns.index, path)
    keys = None if columns.key is None else tuple(row[columns.key] for row in rows)
    return Table(tuple(row[columns.name] for row in rows), keys)


def _by_number(rows: Sequence[Sequence[str]], column: int, path: str) -> Sequence[Sequence[str]]:
    count = len(rows)
    stated = [row[column] for row in rows]
    strange = [cell for cell in stated if not cell.isdecimal()]
    if strange:
        raise InputError(
            f"The class names {path!r} number an output {strange[0]!r}; "
            f"number the outputs from 0 to {count - 1}."
        )
    numbers = [int(cell) for cell in stated]
    if sorted(numbers) != list(range(count)):
        doubled = sorted({n for n in numbers if numbers.count(n) > 1}) if count < 100_000 else []
        what = (
            f"give {doubled[0]} twice" if doubled else f"run from {min(numbers)} to {max(numbers)}"
        )
        raise InputError(
            f"The numbers of the {count} classes in {path!r} {what}; "
            f"number the outputs from 0 to {count - 1}, each once."
        )
    return [row for _, row in sorted(zip(numbers, rows, strict=True), key=lambda pair: pair[0])]


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # a cell of more than 128 KiB
        return [[line] for line in lines]
    return [[cell.strip() for cell in row] for row in rows]


def _all(rows: Sequence[Sequence[str]], column: int, holds: Callable[[str], bool]) -> bool:
    return all(holds(row[column]) for row in rows)


def _is_wnid(cell: str) -> bool:
    return _WNID.fullmatch(cell) is not None
