"""Records of attacks from short rows: what random signs found is a control, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from tf_fragile.probes.fragility.names import KEYS
from tf_fragile.runs.records import CONTROL, DOUBT, EXCLUDED, make_records


def attack_records(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return make_records([{"role": _role(row), **row} for row in rows], KEYS)


def _role(row: Mapping[str, Any]) -> str:
    if row.get("metric") in (EXCLUDED, DOUBT):
        return str(row["metric"])
    return CONTROL if str(row.get("attack", "")).startswith("random") else "measured"
