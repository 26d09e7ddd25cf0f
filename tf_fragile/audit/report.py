"""The report of an audit: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from tf_fragile import cli
from tf_fragile.audit import curves
from tf_fragile.audit.cards import cards, gallery_settings
from tf_fragile.audit.pictures import Example
from tf_fragile.metrics.catalog import heading_of, is_share, summarised
from tf_fragile.probes.fragility.table import interval_of
from tf_fragile.report.verdict import State
from tf_fragile.runs.atomic import write_text
from tf_fragile.runs.records import CONTROL

_TONES: Mapping[State, str] = {"bad": "bad", "unknown": "unsure", "good": "good"}


def write_report(
    path: Path | str,
    *,
    title: str,
    facts: Mapping[str, str],
    verdict_lines: Sequence[tuple[str, State]],
    summary: pd.DataFrame,
    exclusions: Mapping[str, int],
    skipped_files: Sequence[tuple[str, str]],
    examples: Sequence[Example],
    chance_overlap: float | None = None,
    gallery_text: str = "",
    counts_text: str = "",
) -> None:
    """Writes the report of an audit as one self-contained HTML file, in one step.

    Every text is escaped, so names of files and classes may hold anything. The page makes no
    request; a content security policy in it forbids any, and any script but its own.
    A fragment chooses what it opens with: `report.html#epsilon=2&attack=top_k`.

    Args:
      path: the file to write.
      title: the heading.
      facts: what was audited and how, name to value, in order.
      verdict_lines: what was found, one sentence each, with the state that colours its line.
      summary: from `summarize`.
      exclusions: reason to number of images left out.
      skipped_files: file name and reason of each file that could not be read.
      examples: the gallery; one an image, explainer and attack.
      chance_overlap: top-k overlap of unrelated maps, drawn as a line, or None.
      gallery_text: who is shown in the gallery, a sentence.
      counts_text: how many images were found, looked at and attacked, a sentence.

    Raises:
      InputError: if the file cannot be written.
    """
    context = {
        "title": title,
        "facts": facts,
        "verdicts": [(line, _TONES[state]) for line, state in verdict_lines],
        "table": _table(summary),
        "curves": [
            (name, curves.panels(summary, name, chance_overlap))
            for name in summary["explainer"].unique()
        ],
        "plot": {"width": curves.WIDTH, "height": curves.HEIGHT, "left": curves.LEFT,
                 "right": curves.RIGHT, "top": curves.TOP, "bottom": curves.BOTTOM},
        "colours": _colours(summary),
        "gallery_text": gallery_text,
        "counts_text": counts_text,
        "exclusions": exclusions,
        "skipped_files": skipped_files,
        "settings": gallery_settings(examples),
        "cards": cards(examples),
    }  # fmt: skip
    write_text(path, _render(context))


def _render(context: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The policy admits the page's one script by its digest, so nothing smuggled in can run.
    script = environment.get_template("report.js.j2").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(**context, script_digest=digest)


def _shown(value: Any) -> Any:
    # Plain text only: what a filter has marked as safe is markup already.
    return cli.shown(value) if type(value) is str else value


def _colours(summary: pd.DataFrame) -> dict[str, str]:
    """A colour class an attack: grey for controls, one of five for the others."""
    is_control = summary["role"] == CONTROL
    attacks = list(summary[~is_control]["attack"].unique())
    baselines = dict.fromkeys(summary[is_control]["attack"].unique(), "series-random")
    return baselines | {name: f"series-{i % 5}" for i, name in enumerate(attacks)}


def _table(summary: pd.DataFrame) -> dict[str, Any]:
    """The summary with attacks side by side: heads, and blocks of lines an explainer."""
    attacks = list(summary["attack"].unique())
    metrics = [m for m in summarised() if f"{m}_mean" in summary.columns]
    blocks = []
    for explainer in summary["explainer"].unique():
        of_explainer = summary[summary["explainer"] == explainer]
        lines = []
        for epsilon in sorted(of_explainer["epsilon"].unique()):
            at = of_explainer[of_explainer["epsilon"] == epsilon].set_index("attack")
            present = [at.loc[a] if a in at.index else None for a in attacks]
            images = ["–" if r is None else f"{r['n']}/{r['n'] + r['n_failed']}" for r in present]
            cells = [[_cell(row, metric) for row in present] for metric in metrics]
            lines.append({"epsilon": f"{epsilon:g}", "images": images, "cells": cells})
        blocks.append((explainer, lines))
    return {"attacks": attacks, "metrics": [heading_of(m) for m in metrics], "blocks": blocks}


def _cell(row: pd.Series | None, metric: str) -> dict[str, Any]:
    """Mean and interval as text, and the mean as a share of its bar where it is one."""
    text = "-" if row is None else interval_of(row, metric)
    if row is None or text == "-":
        return {"mean": "–", "interval": "", "share": None}
    mean, interval = text.split(" ", 1)
    share = round(100 * max(0.0, row[f"{metric}_mean"])) if is_share(metric) else None
    return {"mean": mean, "interval": interval.replace(",", ", "), "share": share}
