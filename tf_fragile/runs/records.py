"""The tidy records of a run: one row a number, in Parquet."""

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

SCHEMA = pa.schema(
    [
        ("sample", pa.int64()),
        ("label", pa.int64()),
        ("predicted", pa.int64()),
        ("explainer", pa.string()),
        ("probe", pa.string()),
        ("attack", pa.string()),
        ("epsilon", pa.float64()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("note", pa.string()),
    ]
)
PARTS = "part-*.parquet"
COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)
DEFAULTS: Mapping[str, Any] = {
    "explainer": "",
    "probe": "",
    "attack": "",
    "epsilon": 0.0,
    "note": "",
}


def make_records(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A table of records from rows.

    Args:
      rows: one mapping a record, keys from `COLUMNS`. `explainer`, `probe`, `attack`, `epsilon`
        and `note` default to empty or 0; `sample`, `label`, `predicted`, `metric` and `value`
        must be there. `label` is -1 where the data have none.

    Returns:
      A frame with the columns and types of `SCHEMA`, in the order of `rows`.

    Raises:
      InputError: if a row has an unknown column, lacks one, or a value of another type.
    """
    filled = []
    for number, row in enumerate(rows):
        record = {**DEFAULTS, **row}
        wrong = set(COLUMNS).symmetric_difference(record)
        if wrong:
            raise InputError(
                f"Record {number} has missing or unknown columns {sorted(wrong)}; "
                f"a record has {', '.join(COLUMNS)}."
            )
        filled.append(record)
    try:
        return pa.Table.from_pylist(filled, schema=SCHEMA).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"A record holds a value of the wrong type: {error}") from error


def write_records(path: Path | str, records: pd.DataFrame, origin: Origin) -> None:
    """Writes records as Parquet with page checksums and their origin, in one step.

    Equal records of equal origin are equal bytes.

    Raises:
      InputError: if a column is missing, unknown or of the wrong type, or writing fails.
    """
    if list(records.columns) != list(COLUMNS):
        raise InputError(
            f"Records for {Path(path).name} have the columns {list(records.columns)}, "
            f"not {list(COLUMNS)}; build them with make_records."
        )
    try:
        table = pa.Table.from_pandas(records, schema=SCHEMA, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(
            f"Records for {Path(path).name} hold a value of the wrong type: {error}"
        ) from error
    buffer = io.BytesIO()
    # In place of what pandas puts there: its version, by which equal records would differ.
    signed = table.replace_schema_metadata({KEY: seal(origin, _pieces(table))})
    pq.write_table(signed, buffer, write_page_checksum=True)
    write_bytes(path, buffer.getvalue())


def read_part(path: Path | str) -> Read[pd.DataFrame] | None:
    """Reads one file of records.

    Returns:
      The records and what made them; `None` if the file is missing, truncated, corrupt, changed or
      of another kind.
    """
    try:
        # From memory, because the reader keeps no handle open on a file that may be replaced.
        table = pq.read_table(pa.BufferReader(read_bytes(path)), page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        return None
    if not table.schema.equals(SCHEMA):
        return None
    sealed = (table.schema.metadata or {}).get(KEY.encode())
    if sealed is None:
        return Read(table.to_pandas(), None)
    origin = unseal(sealed, _pieces(table))
    return None if origin is None else Read(table.to_pandas(), origin)


def read_records(directory: Path | str, run: str | None = None) -> pd.DataFrame:
    """Reads the records of a run, all parts in the order of their shards.

    Args:
      directory: the run directory.
      run: the run that they must be of; by the first part where `None`.

    Returns:
      One frame with the columns and types of `SCHEMA`.

    Raises:
      InputError: if there are none, a part cannot be read, does not say whose it is, or is not of
        the same run as the others.
    """
    paths = sorted(part_directory(directory).glob(PARTS))
    if not paths:
        raise InputError(f"{Path(directory)} holds no records; run the audit there first.")
    parts = []
    for path in paths:
        part = read_part(path)
        if part is None:
            raise InputError(f"{path} is damaged; run the same command again to recompute it.")
        run = run_of(part, run, path)
        parts.append(part.content)
    return pd.concat(parts, ignore_index=True)


def part_directory(directory: Path | str) -> Path:
    """Where a run keeps its records."""
    return Path(directory) / "records"


def part_path(directory: Path | str, number: int) -> Path:
    """The file of records of one shard."""
    return part_directory(directory) / f"part-{number:05d}.parquet"


def _pieces(table: pa.Table) -> Iterator[bytes]:
    """The columns as bytes that don't depend on how a library stores them."""
    for name in SCHEMA.names:
        column = table.column(name)
        if pa.types.is_string(column.type):
            yield json.dumps(column.to_pylist()).encode()
        else:
            yield column.to_numpy().tobytes()
