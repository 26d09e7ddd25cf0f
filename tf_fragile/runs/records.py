"""The tidy records of a run: a table a probe, one row a number, in Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import read_bytes, write_bytes
from tf_fragile.runs.identity import KEY, Origin, Read, run_of, seal, unseal

Keys = Mapping[str, pa.DataType]
"""A probe's own columns, name to type."""

VERSION = 2
"""Of the columns. 1 had one table for all probes, with `probe`, `attack` and `epsilon` in it."""

BEFORE: Keys = {
    "sample": pa.int64(),
    "label": pa.int64(),
    "predicted": pa.int64(),
    "explainer": pa.string(),
    "role": pa.string(),
    "variant": pa.string(),
}
AFTER: Keys = {"metric": pa.string(), "value": pa.float64(), "note": pa.string()}
BASE: tuple[str, ...] = (*BEFORE, *AFTER)
"""The columns that all probes share; a probe's own stand between `variant` and `metric`."""

MEASURED, CONTROL, EXCLUDED, DOUBT = ROLES = ("measured", "control", "excluded", "doubt")
"""What a row is for: a measurement, its control, why there is none, or what casts doubt on all."""

DEFAULTS: Mapping[str, Any] = {"explainer": "", "role": MEASURED, "variant": "", "note": ""}
PARTS = "part-*.parquet"
_VERSION = b"tf_fragile_schema"


def schema_of(keys: Keys) -> pa.Schema:
    """The columns of a probe's records, in order, with their types."""
    return pa.schema([*BEFORE.items(), *keys.items(), *AFTER.items()])


def make_records(rows: Iterable[Mapping[str, Any]], keys: Keys) -> pd.DataFrame:
    """A table of records from rows.

    Args:
      rows: one mapping a record. `sample`, `label`, `predicted`, `metric` and `value` must be
        there; `explainer`, `variant`, `note` and the probe's own keys default to empty or 0, `role`
        to `measured`. `label` is -1 where the data have none.
      keys: the probe's own columns.

    Returns:
      A frame with the columns and types of `schema_of(keys)`, in the order of `rows`.

    Raises:
      InputError: if a row has an unknown column or role, lacks one, or a value of another type.
    """
    schema = schema_of(keys)
    defaults = {**DEFAULTS} | {name: _nothing(kind) for name, kind in keys.items()}
    filled = []
    for number, row in enumerate(rows):
        record = {**defaults, **row}
        wrong = set(schema.names).symmetric_difference(record)
        if wrong:
            raise InputError(
                f"Record {number} has missing or unknown columns {sorted(wrong)}; "
                f"a record has {', '.join(schema.names)}."
            )
        if record["role"] not in ROLES:
            raise InputError(
                f"Record {number} has the role {record['role']!r}; a role is one of "
                f"{', '.join(ROLES)}."
            )
        filled.append(record)
    try:
        return pa.Table.from_pylist(filled, schema=schema).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"A record holds a value of the wrong type: {error}") from error


def _nothing(kind: pa.DataType) -> Any:
    return "" if pa.types.is_string(kind) else 0


def write_records(path: Path | str, records: pd.DataFrame, origin: Origin, keys: Keys) -> None:
    """Writes records as Parquet with page checksums, their origin and `VERSION`, in one step.

    Equal records of equal origin are equal bytes.

    Raises:
      InputError: if a column is missing, unknown or of the wrong type, or writing fails.
    """
    schema = schema_of(keys)
    if list(records.columns) != schema.names:
        raise InputError(
            f"Records for {Path(path).name} have the columns {list(records.columns)}, "
            f"not {schema.names}; build them with make_records."
        )
    try:
        table = pa.Table.from_pandas(records, schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(
            f"Records for {Path(path).name} hold a value of the wrong type: {error}"
        ) from error
    buffer = io.BytesIO()
    # In place of what pandas puts there: its version, by which equal records would differ.
    metadata = {KEY: seal(origin, _pieces(table)), _VERSION: str(VERSION).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), buffer, write_page_checksum=True)
    write_bytes(path, buffer.getvalue())


def read_part(path: Path | str) -> Read[pd.DataFrame] | None:
    """Reads one file of records of any probe.

    Returns:
      The records and what made them; `None` if the file is missing, truncated, corrupt, changed or
      of another kind.

    Raises:
      InputError: the file is of another version of the columns, which is named.
    """
    part = _read_table(path)
    return None if part is None else Read(part.content.to_pandas(), part.origin)


def _read_table(path: Path | str) -> Read[pa.Table] | None:
    """As `read_part`, before it becomes a frame."""
    try:
        # From memory, because the reader keeps no handle open on a file that may be replaced.
        table = pq.read_table(pa.BufferReader(read_bytes(path)), page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        return None
    metadata = table.schema.metadata or {}
    sealed = metadata.get(KEY.encode())
    if sealed is not None:
        _check_version(path, metadata.get(_VERSION, b"1").decode(errors="replace"))
    names = table.schema.names
    begin, end = len(BEFORE), len(names) - len(AFTER)
    if [*names[:begin], *names[end:]] != [*BASE] or not table.schema.equals(
        schema_of({name: table.schema.field(name).type for name in names[begin:end]})
    ):
        return None
    if sealed is None:
        return Read(table, None)
    origin = unseal(sealed, _pieces(table))
    return None if origin is None else Read(table, origin)


def check_directory(directory: Path | str) -> None:
    """Refuses a run directory of a version that kept the records of all probes together.

    Raises:
      InputError: it is one, with the versions.
    """
    old = sorted((Path(directory) / "records").glob(PARTS))
    if old:
        _check_version(old[0], "1")


def _check_version(path: Path | str, found: str) -> None:
    if found != str(VERSION):
        raise InputError(
            f"{path} has records of schema version {found}, and this is version {VERSION}: it was "
            "written by another version of tf_fragile; open it with that one, or choose another "
            "--out."
        )


def read_records(directory: Path | str, probe: str, run: str | None = None) -> pd.DataFrame:
    """Reads the records of a probe, all parts in the order of their tasks.

    Args:
      directory: the run directory.
      probe: its name.
      run: the run that they must be of; by the first part where `None`.

    Returns:
      One frame with the columns of `BASE` and the probe's own.

    Raises:
      InputError: if there are none, a part cannot be read, does not say whose it is, or is not of
        the same run as the others, or is of another version.
    """
    check_directory(directory)
    paths = sorted(part_directory(directory, probe).glob(PARTS))
    if not paths:
        raise InputError(
            f"{Path(directory)} holds no records of {probe}; run the audit there first."
        )
    parts = []
    for path in paths:
        part = _read_table(path)
        if part is None:
            raise InputError(f"{path} is damaged; run the same command again to recompute it.")
        run = run_of(part, run, path)
        parts.append(part.content.replace_schema_metadata(None))
    whole = pa.concat_tables(parts)
    del parts, part  # or the conversion, column by column, would hold everything twice
    return whole.to_pandas(self_destruct=True, split_blocks=True)


def probes_of(directory: Path | str) -> list[str]:
    """The names of the probes that have records in a run directory."""
    places = (Path(directory) / "records").glob(f"*/{PARTS}")
    return sorted({path.parent.name for path in places})


def part_directory(directory: Path | str, probe: str) -> Path:
    """Where a run keeps the records of a probe."""
    return Path(directory) / "records" / probe


def part_path(directory: Path | str, probe: str, number: int) -> Path:
    """The file of records of one task."""
    return part_directory(directory, probe) / f"part-{number:05d}.parquet"


def _pieces(table: pa.Table) -> Iterator[bytes]:
    """The columns as bytes that don't depend on how a library stores them."""
    for name in table.schema.names:
        column = table.column(name)
        if pa.types.is_string(column.type):
            yield json.dumps(column.to_pylist()).encode()
        else:
            yield column.to_numpy().tobytes()
