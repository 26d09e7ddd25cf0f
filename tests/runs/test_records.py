from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs.records import (
    COLUMNS,
    make_records,
    part_path,
    read_part,
    read_records,
    write_records,
)

ROW: dict[str, Any] = {"sample": 1, "label": 2, "predicted": 2, "metric": "spearman", "value": 0.5}


def test_records_survive_parquet_in_shard_order(tmp_path: Path) -> None:
    part_path(tmp_path, 0).parent.mkdir()
    rows = [{**ROW, "sample": i, "epsilon": 2.0, "note": "a'é<b>"} for i in range(12)]
    rows[3]["value"] = math.nan
    numbers = [10, 2, 7, 3, 11, 0]
    for number in numbers:
        write_records(part_path(tmp_path, number), make_records([rows[number]]))
    read = read_records(tmp_path)
    assert tuple(read.columns) == COLUMNS
    pd.testing.assert_frame_equal(read, make_records([rows[n] for n in sorted(numbers)]))


def test_equal_records_are_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_records(tmp_path / name, make_records([ROW, ROW]))
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
        make_records([row])


def test_no_rows_are_an_empty_table_of_the_same_types() -> None:
    empty, full = make_records([]), make_records([ROW])
    assert len(empty) == 0
    assert list(empty.dtypes) == list(full.dtypes)


def test_a_frame_of_other_columns_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="build them with make_records"):
        write_records(tmp_path / "a.parquet", pd.DataFrame({"sample": [1]}))
    assert not list(tmp_path.iterdir())


def test_a_truncated_flipped_or_foreign_file_is_not_a_part(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_records(path, make_records([{**ROW, "sample": i} for i in range(100)]))
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
    part_path(tmp_path, 0).parent.mkdir()
    part_path(tmp_path, 0).write_bytes(b"")
    with pytest.raises(InputError, match=r"part-00000\.parquet is damaged; run the same command"):
        read_records(tmp_path)


def test_a_run_without_records_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no records"):
        read_records(tmp_path)
