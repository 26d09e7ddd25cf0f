"""What a figure leaves behind: a table, a picture, and a manifest that says how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tf_fragile.experiments.fragility.campaign import Campaign, Outcome
from tf_fragile.experiments.fragility.subject import Selection, Subject
from tf_fragile.runs.atomic import write_text
from tf_fragile.runs.manifest import versions


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV with six significant digits."""
    write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def write_manifest(
    path: Path,
    campaign: Campaign,
    outcome: Outcome,
    selection: Selection | None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Writes which runs a figure was made from, which images, and by which command."""
    write_figure_manifest(
        path,
        campaign.subject,
        outcome,
        selection,
        seed=campaign.seed,
        command=campaign.command,
        facts=facts,
    )


def write_figure_manifest(
    path: Path,
    subject: Subject,
    outcome: Outcome,
    selection: Selection | None,
    *,
    seed: int,
    command: Sequence[str],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """`write_manifest` for a figure that is no campaign; `facts` are JSON values."""
    content = {
        "command": list(command),
        "model": subject.name,
        "data": subject.source.name,
        "seed": seed,
        "versions": versions(),
        "images": None
        if selection is None
        else {
            "chosen": list(selection.positions),
            "examined": selection.examined,
            "misclassified": selection.misclassified,
            "unsure": selection.unsure,
            "unreadable": len(subject.source.skipped),
        },
        "runs": outcome.summary(),
        **(facts or {}),
    }
    write_text(path, json.dumps(content, indent=2) + "\n")


def said(selection: Selection) -> str:
    """How images were chosen, in words."""
    left_out = [f"{selection.misclassified} misclassified"]
    if selection.unsure:
        left_out.append(f"{selection.unsure} with too little confidence")
    return (
        f"{len(selection.positions)} images; {selection.examined} examined, left out: "
        f"{', '.join(left_out)}"
    )
