"""The tidy records of a run: one row a number, in Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import write_bytes

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


def write_records(path: Path | str, records: pd.DataFrame) -> None:
    """Writes records as Parquet with page checksums, in one step.

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
    # The schema metadata would hold the pandas version; equal records are equal bytes without.
    pq.write_table(table.replace_schema_metadata(), buffer, write_page_checksum=True)
    write_bytes(path, buffer.getvalue())


def read_part(path: Path | str) -> pd.DataFrame | None:
    """Reads one file of records, or returns None if it is truncated, corrupt or of another kind."""
    try:
        # From memory, because the reader keeps no handle open on a file that may be replaced.
        table = pq.read_table(
            pa.BufferReader(Path(path).read_bytes()), page_checksum_verification=True
        )
    except (pa.ArrowException, OSError):
        return None
    if not table.schema.equals(SCHEMA):
        return None
    return table.to_pandas()


def read_records(directory: Path | str) -> pd.DataFrame:
    """Reads the records of a run, all parts in the order of their shards.

    Args:
      directory: the run directory.

    Returns:
      One frame with the columns and types of `SCHEMA`.

    Raises:
      InputError: if there are none or a part cannot be read.
    """
    paths = sorted(part_directory(directory).glob("part-*.parquet"))
    if not paths:
        raise InputError(f"{Path(directory)} holds no records; run the audit there first.")
    parts = []
    for path in paths:
        part = read_part(path)
        if part is None:
            raise InputError(f"{path} is damaged; run the same command again to recompute it.")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def part_directory(directory: Path | str) -> Path:
    """Where a run keeps its records."""
    return Path(directory) / "records"


def part_path(directory: Path | str, number: int) -> Path:
    """The file of records of one shard."""
    return part_directory(directory) / f"part-{number:05d}.parquet"
