"""What a figure leaves behind: tables, pictures, and a manifest that says how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tf_fragile.experiments.frame.job import Drawn, Found, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.atomic import write_text
from tf_fragile.runs.manifest import Manifest, versions


def write(job: Job, found: Found, drawn: Drawn, place: Place) -> str:
    """Writes everything and returns which files there are, in words; the manifest comes last."""

    def path(ending: str) -> Path:
        return place.out / f"{job.name}{ending}"

    for ending, table in drawn.tables.items():
        write_table(table, path(ending))
    for ending, text in drawn.texts.items():
        write_text(path(ending), text)
    for ending, picture in drawn.pictures.items():
        picture(path(ending))
    content = manifest(job, found, drawn, place)
    write_text(path(".manifest.json"), json.dumps(content, indent=2) + "\n")
    endings = (*drawn.tables, *drawn.texts, *drawn.pictures, ".manifest.json")
    return f"{path('')}{', '.join(endings)}"


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV with six significant digits."""
    write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def manifest(job: Job, found: Found, drawn: Drawn, place: Place) -> dict[str, Any]:
    """How a figure was made, as JSON values: command, seed, versions, its own facts, its runs."""
    return {
        "figure": job.name,
        "command": list(place.command),
        "seed": place.seed,
        "versions": versions(),
        **job.facts,
        "runs": {name: _run(one) for name, one in found.manifests.items()},
        **drawn.facts,
    }


def _run(one: Manifest) -> Mapping[str, Any]:
    return {
        "settings_hash": manifests.settings_hash(one),
        "finished": one.finished,
        "wall_time_s": one.wall_time_s,
        "settings": dict(one.settings),
    }
