"""A page of attacks that nobody made: table, curves and gallery from a summary and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from tf_fragile.audit.page import left_out
from tf_fragile.data.source import Skipped
from tf_fragile.probes.fragility.cards import gallery_of
from tf_fragile.probes.fragility.curves import plots
from tf_fragile.probes.fragility.examples import Example
from tf_fragile.probes.fragility.table import table_of
from tf_fragile.report import html
from tf_fragile.report.blocks import Section
from tf_fragile.report.verdict import State
from tf_fragile.runs.atomic import write_text


def write_report(
    path: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    verdict_lines: Sequence[tuple[str, State]],
    summary: pd.DataFrame,
    exclusions: Mapping[str, int],
    skipped_files: Sequence[tuple[str, str]],
    examples: Sequence[Example],
    chance_overlap: float | None = None,
) -> None:
    """Writes the page as an audit does."""
    curves = [
        Section(str(name), tuple(plots(summary, name, chance_overlap)))
        for name in summary["explainer"].unique()
    ]
    sections = [Section("Numbers", (table_of(summary),)), Section("Curves", curves)]
    if examples:
        sections.append(Section("Gallery", (gallery_of(examples, ""),)))
    source = SimpleNamespace(skipped=[Skipped(*file) for file in skipped_files])
    sections.append(left_out(exclusions, source, ""))
    page = html.page(title=title, facts=facts, verdict_lines=verdict_lines, sections=sections)
    write_text(path, page)
