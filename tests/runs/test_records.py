from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs.identity import Origin, Read
from tf_fragile.runs.records import (
    MEASURED,
    VERSION,
    make_records,
    part_path,
    read_part,
    read_records,
    schema_of,
    write_records,
)

MADE = Origin("run", (1,), "state")
KEYS = {"epsilon": pa.float64()}
SCHEMA = schema_of(KEYS)
ROW: dict[str, Any] = {"sample": 1, "label": 2, "predicted": 2, "metric": "spearman", "value": 0.5}


def records(rows) -> pd.DataFrame:
    return make_records(rows, KEYS)


def test_records_survive_parquet_in_shard_order(tmp_path: Path) -> None:
    part_path(tmp_path, "toy", 0).parent.mkdir(parents=True)
    rows = [{**ROW, "sample": i, "epsilon": 2.0, "note": "a'é<b>"} for i in range(12)]
    rows[3]["value"] = math.nan
    numbers = [10, 2, 7, 3, 11, 0]
    for number in numbers:
        write_records(part_path(tmp_path, "toy", number), records([rows[number]]), MADE, KEYS)
    read = read_records(tmp_path, "toy")
    assert list(read.columns) == SCHEMA.names
    assert set(read.role) == {MEASURED}
    pd.testing.assert_frame_equal(read, records([rows[n] for n in sorted(numbers)]))


def test_equal_records_are_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_records(tmp_path / name, records([ROW, ROW]), MADE, KEYS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"sample": 1}, "missing or unknown columns .'label'"),
        ({**ROW, "epsilom": 1.0}, "missing or unknown columns .'epsilom'.; a record has sample"),
        ({**ROW, "sample": "one"}, "a value of the wrong type"),
        ({**ROW, "value": "high"}, "a value of the wrong type"),
    ],
)
def test_a_row_that_breaks_the_schema_is_refused(row: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        records([row])


def test_no_rows_are_an_empty_table_of_the_same_types() -> None:
    empty, full = records([]), records([ROW])
    assert len(empty) == 0
    assert list(empty.dtypes) == list(full.dtypes)


def test_a_frame_of_other_columns_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="build them with make_records"):
        write_records(tmp_path / "a.parquet", pd.DataFrame({"sample": [1]}), MADE, KEYS)
    assert not list(tmp_path.iterdir())


def test_a_truncated_flipped_or_foreign_file_is_not_a_part(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_records(path, records([{**ROW, "sample": i} for i in range(100)]), MADE, KEYS)
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[60] ^= 0xFF
    for damaged in (good[:-20], bytes(flipped), b"", b"not parquet"):
        path.write_bytes(damaged)
        assert read_part(path) is None
    pd.DataFrame({"other": [1]}).to_parquet(path)
    assert read_part(path) is None
    path.write_bytes(good)
    assert read_part(path) is not None


def test_a_damaged_part_is_named_when_the_run_is_read(tmp_path: Path) -> None:
    part_path(tmp_path, "toy", 0).parent.mkdir(parents=True)
    part_path(tmp_path, "toy", 0).write_bytes(b"")
    with pytest.raises(InputError, match=r"part-00000\.parquet is damaged; run the same command"):
        read_records(tmp_path, "toy")


def test_a_run_without_records_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no records"):
        read_records(tmp_path, "toy")


def written(path: Path) -> pa.Table:
    rows = [{**ROW, "sample": i, "note": f"é{i}", "value": i / 7} for i in range(5)]
    write_records(path, records(rows), MADE, KEYS)
    return pq.read_table(path)


def test_a_part_says_what_made_it(tmp_path: Path) -> None:
    table = written(tmp_path / "a.parquet")
    part = read_part(tmp_path / "a.parquet")
    assert isinstance(part, Read) and part.origin == MADE
    assert list(table.schema.metadata) == [b"tf_fragile", b"tf_fragile_schema"]


def replaced(table: pa.Table, column: str, change) -> pa.Table:
    place = SCHEMA.names.index(column)
    values = [change(i, v) for i, v in enumerate(table.column(column).to_pylist())]
    return table.set_column(
        place, SCHEMA.field(column), pa.array(values, SCHEMA.field(column).type)
    )


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: replaced(t, "value", lambda i, v: v + 1e-15 if i == 3 else v),
        lambda t: replaced(t, "value", lambda i, v: None if i == 3 else v),
        lambda t: replaced(t, "label", lambda i, v: None if i == 3 else v),
        lambda t: replaced(t, "value", lambda i, v: -0.0 if v == 0 else v),
        lambda t: replaced(t, "sample", lambda i, v: v + (i == 0)),
        lambda t: replaced(t, "note", lambda i, v: v + " " if i == 4 else v),
        lambda t: replaced(t, "note", lambda i, v: None if i == 4 else v),
        lambda t: t.slice(0, 4),
        lambda t: t.take([1, 0, 2, 3, 4]),
        lambda t: pa.concat_tables([t, t.slice(0, 1)]),
    ],
)
def test_a_value_edited_under_the_seal_is_noticed(tmp_path: Path, edit) -> None:
    path = tmp_path / "a.parquet"
    table = written(path)
    pq.write_table(edit(table).replace_schema_metadata(table.schema.metadata), path)
    assert read_part(path) is None


@pytest.mark.parametrize(
    "sealed",
    [
        *(b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"run": "run"}'),
        b'{"run": "run", "positions": [1], "digest": "0"}',
        b'{"run": "run", "positions": 1, "digest": "0"}',
    ],
)
def test_a_broken_seal_is_a_damaged_part(tmp_path: Path, sealed: bytes) -> None:
    path = tmp_path / "a.parquet"
    table = written(path)
    pq.write_table(
        table.replace_schema_metadata(table.schema.metadata | {b"tf_fragile": sealed}), path
    )
    assert read_part(path) is None


def test_a_seal_of_another_run_or_other_samples_is_not_made_by_editing_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = written(path)
    sealed = table.schema.metadata[b"tf_fragile"]
    for old, new in ((b'"run": "run"', b'"run": "other"'), (b"[1]", b"[2]")):
        assert old in sealed
        pq.write_table(
            table.replace_schema_metadata(
                table.schema.metadata | {b"tf_fragile": sealed.replace(old, new)}
            ),
            path,
        )
        assert read_part(path) is None


def test_records_stored_otherwise_are_the_same_records(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = written(path)
    pq.write_table(table, path, compression="zstd", row_group_size=2, use_dictionary=False)
    part = read_part(path)
    assert part is not None and part.origin == MADE


def test_parts_of_two_runs_are_not_one_run(tmp_path: Path) -> None:
    part_path(tmp_path, "toy", 0).parent.mkdir(parents=True)
    for number, run in enumerate(("one", "two")):
        write_records(
            part_path(tmp_path, "toy", number), records([ROW]), Origin(run, (number,)), KEYS
        )
    with pytest.raises(
        InputError, match=r"part-00001\.parquet was made by another run: with other"
    ):
        read_records(tmp_path, "toy")
    with pytest.raises(InputError, match=r"part-00000\.parquet was made by another run"):
        read_records(tmp_path, "toy", "two")


def test_records_of_an_earlier_version_are_refused(tmp_path: Path) -> None:
    part_path(tmp_path, "toy", 0).parent.mkdir(parents=True)
    pq.write_table(written(tmp_path / "a").replace_schema_metadata(), part_path(tmp_path, "toy", 0))
    with pytest.raises(InputError, match="does not say which run made it: it was written by an ea"):
        read_records(tmp_path, "toy")


OLD = Path(__file__).parent / "schema_1"


def test_a_run_of_the_schema_before_is_refused_by_its_version() -> None:
    told = r"part-00000\.parquet has records of schema version 1, and this is version 2"
    with pytest.raises(InputError, match=told):
        read_records(OLD, "fragility")
    with pytest.raises(InputError, match=told):
        read_part(part_path(OLD, "", 0))


def test_a_part_of_a_later_schema_is_refused_by_its_version(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    later = {**written(path).schema.metadata, b"tf_fragile_schema": str(VERSION + 1).encode()}
    pq.write_table(written(path).replace_schema_metadata(later), path)
    with pytest.raises(InputError, match=f"of schema version {VERSION + 1}, and this is version"):
        read_part(path)


def test_a_role_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="the role 'guess'; a role is one of measured, control"):
        records([{**ROW, "role": "guess"}])
