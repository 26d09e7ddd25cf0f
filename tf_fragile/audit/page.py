"""The report of an audit: what was asked and how, what each probe found, what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tf_fragile.audit import inputs
from tf_fragile.audit.answers import Answer
from tf_fragile.audit.asking import Asking
from tf_fragile.audit.counts import Counts, exclusions
from tf_fragile.audit.settings import BUDGETS
from tf_fragile.audit.specs import in_words
from tf_fragile.audit.subject import Opened
from tf_fragile.data import bands
from tf_fragile.data.source import Source
from tf_fragile.errors import readable
from tf_fragile.report import html
from tf_fragile.report.blocks import Block, Prose, Section, plain_table
from tf_fragile.runs.atomic import write_text
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.tasks import Arrays


def write_page(
    path: Path,
    opened: Opened,
    asking: Asking,
    answers: Mapping[str, Answer],
    pictures: Mapping[str, Arrays],
    counts: Counts,
    manifest: Manifest,
) -> None:
    """Writes the report in one step.

    Args:
      path: the file to write.
      opened: what was audited.
      asking: what was asked.
      answers: what was found, by probe.
      pictures: likewise, of the samples shown.
      counts: by the records.
      manifest: of the run.

    Raises:
      InputError: the file can't be written.
    """
    sections = [
        Section(f"{name}: {one.title}" if len(answers) > 1 else one.title, one.blocks)
        for name, answer in answers.items()
        for one in answer.sections(pictures.get(name, {}))
    ]
    records = pd.concat([answer.records for answer in answers.values()])
    text = data_in_words(opened.subject.source, counts)
    left = left_out(exclusions(records), opened.subject.source, text)
    content = html.page(
        title=f"How far can the explanations of {readable(opened.settings.model)} be trusted?",
        facts=_facts(opened, asking, text, manifest),
        verdict_lines=[
            (sentence, verdict.state)
            for answer in answers.values()
            for sentence, verdict in zip(answer.sentences, answer.verdicts, strict=True)
        ],
        sections=[*sections, left],
    )
    write_text(path, content)


def data_in_words(source: Source, counts: Counts) -> str:
    """The data and all of their counts, a sentence."""
    short = f". {counts.shortfall}" if counts.shortfall else ""
    return f"{source.name}: {counts.text}{short}."


def left_out(reasons: Mapping[str, int], source: Source, text: str) -> Section:
    """Samples that were left out and files that could not be read."""
    blocks: list[Block] = []
    if not reasons and not source.skipped:
        blocks.append(Prose(("Nothing: every image that was looked at was audited.",)))
    if text:
        blocks.append(Prose((text,)))
    if reasons:
        rows = [(reason, str(count)) for reason, count in reasons.items()]
        blocks.append(Section("Images", (plain_table(("why", "images"), rows),)))
    if source.skipped:
        files = [(file.path, file.reason) for file in source.skipped]
        table = plain_table(("file", "why"), files)
        blocks.append(Section("Files that could not be read", (table,)))
    return Section("Left out", tuple(blocks))


def _facts(opened: Opened, asking: Asking, text: str, manifest: Manifest) -> dict[str, str]:
    settings, subject = opened.settings, opened.subject
    drawn = bands.in_words(settings.bands, subject.source.image_shape)
    return {
        "Model": f"{readable(settings.model)}; {subject.network.head.note}",
        **({"Code": settings.code_run} if settings.code_run else {}),
        **({"Input": opened.adaptation} if opened.adaptation else {}),
        "Data": text,
        "Preprocessing": subject.source.preprocessing.name,
        **inputs.facts(subject.source),
        **opened.feeding.facts,
        "Explainers": "; ".join(
            in_words(spec, BUDGETS[settings.budget], opened.taken.get(spec))
            for spec in settings.explainers
        ),
        **{name: fact for one in asking.bound.values() for name, fact in one.facts.items()},
        **({} if subject.checked is None else {"Derivatives": subject.checked.text}),
        **({"Not asked": "; ".join(asking.lines)} if asking.refused else {}),
        **({"Drawn": drawn} if drawn else {}),
        "Seed": str(settings.seed),
        "Device": manifest.device,
        "Versions": ", ".join(f"{n} {v}" for n, v in manifest.versions.items()),
        "Model digest": manifest.model_hash[:16],
        "Data digest": manifest.data_hash[:16],
    }
