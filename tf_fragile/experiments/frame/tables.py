"""Computed tables on disk: each is kept under a hash of all that decides it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from tf_fragile.experiments.frame.job import Table
from tf_fragile.models.own_code import OwnCode, is_own
from tf_fragile.runs.artefacts import Store, key_of
from tf_fragile.runs.manifest import versions
from tf_fragile.runs.tasks import Progress, Work

_FILE = "table.parquet"


@dataclass(frozen=True, eq=False)
class Kept:
    """A table of a figure, as an `Artefact`.

    Attributes:
      figure: whose.
      table: which.
      seed: of everything random.
    """

    figure: str
    table: Table
    seed: int

    @property
    def name(self) -> str:
        """Figure and table."""
        return f"{self.figure}, {self.table.name}"

    @cached_property
    def key(self) -> str:
        """By figure, table, settings, seed, versions, and the code where it is the user's own."""
        made_of: Mapping[str, Any] = {
            "figure": self.figure,
            "table": self.table.name,
            "settings": dict(self.table.settings),
            "seed": self.seed,
            "versions": versions(),
            "code": _code(self.table.compute),
        }
        return key_of("table", made_of)

    @property
    def work(self) -> Work:
        """Nobody knows beforehand."""
        return Work()

    @property
    def size(self) -> int:
        """Tables of figures are small."""
        return 0

    def build(self, directory: Path, progress: Progress | None = None) -> None:
        """Computes the table and writes it."""
        self.table.compute().to_parquet(directory / _FILE, index=False)


def read(store: Store, kept: Kept) -> pd.DataFrame:
    """A table that was built, its values as they were computed."""
    return pd.read_parquet(store.path(kept.key) / _FILE)


def _code(compute: Any) -> str | None:
    """A digest of the user's own code; of what is installed, the version says enough."""
    while isinstance(compute, partial):
        compute = compute.func
    if not is_own(compute):
        return None
    text = json.dumps(OwnCode().value(compute), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
