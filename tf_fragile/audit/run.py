"""An audit from settings to report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tf_fragile.audit import bands, inputs
from tf_fragile.audit.counts import Counts, as_recorded, skipped_in_words
from tf_fragile.audit.gallery import examples
from tf_fragile.audit.parts import own_parts
from tf_fragile.audit.plan import everyone_shown, make_plan
from tf_fragile.audit.report import write_report
from tf_fragile.audit.samples import sample_table
from tf_fragile.audit.settings import BUDGETS, AuditSettings
from tf_fragile.audit.specs import in_need_of, in_words
from tf_fragile.audit.subject import Subject, open_subject
from tf_fragile.audit.units import radii_in_words
from tf_fragile.errors import readable
from tf_fragile.probes.fragility import family
from tf_fragile.probes.fragility.odd_maps import odd_maps
from tf_fragile.probes.fragility.pictures import sample_of
from tf_fragile.probes.fragility.shown import choose_shown
from tf_fragile.probes.fragility.smallest import halvings
from tf_fragile.probes.fragility.summary import exclusions, summarize, without_extras
from tf_fragile.probes.fragility.table import WIDTH, format_table
from tf_fragile.probes.fragility.verdict import sentence, verdicts
from tf_fragile.probes.running import keep_pictures, run
from tf_fragile.report.verdict import Verdict
from tf_fragile.runs.atomic import write_text
from tf_fragile.runs.execution import held
from tf_fragile.runs.gallery import read_gallery
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.manifest import Manifest, run_hash

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What an audit leaves behind.

    Attributes:
      records: one row a sample, explainer, attack, radius and metric.
      summary: means over images with their intervals.
      verdicts: one an explainer and attack.
      report: the HTML file.
      counts: images found, looked at and attacked.
    """

    records: pd.DataFrame
    summary: pd.DataFrame
    verdicts: tuple[Verdict, ...]
    report: Path
    counts: Counts


def run_audit(
    settings: AuditSettings,
    out: Path | str,
    *,
    data_dir: str | None = None,
    gallery: int = 8,
    command: Sequence[str] = (),
    say: Say = print,
    progress: bool = True,
    width: int = WIDTH,
) -> AuditResult:
    """Plans, runs (or finishes) and reports an audit.

    Args:
      settings: what to audit.
      out: the run directory.
      data_dir: where prepared TFDS data sets lie.
      gallery: images shown in the report, chosen out of all that were attacked.
      command: the command line, for the manifest.
      say: where text for people goes.
      progress: whether to draw a bar.
      width: columns of the table.

    Raises:
      InputError: bad input, before any work is done; the directory can't be written, or another
        process works in it.
    """
    with held(out) as lease:
        return _audit(
            settings,
            Path(out),
            lease,
            data_dir=data_dir,
            gallery=gallery,
            command=command,
            say=say,
            progress=progress,
            width=width,
        )


def _audit(
    settings: AuditSettings,
    out: Path,
    lease: Lease,
    *,
    data_dir: str | None,
    gallery: int,
    command: Sequence[str],
    say: Say,
    progress: bool,
    width: int,
) -> AuditResult:
    subject = open_subject(settings, data_dir, progress=progress)
    plan = make_plan(subject, gallery)
    for line in plan.lines:
        say(line)
    say(f"derivatives: {subject.gate.text}")
    subject = subject.filled(progress=progress)
    probe, name = subject.probe, subject.probe.name
    if everyone_shown(gallery, subject.counts):
        shown_at_once = frozenset(map(int, subject.positions))
        probe = dataclasses.replace(probe, shown=shown_at_once)
    found_of, manifest = run(
        out,
        [probe],
        subject.source,
        subject.positions.tolist(),
        model=subject.model,
        seed=settings.seed,
        settings=_deciding(subject),
        settings_of={name: {}},
        command=command,
        size=settings.shard_size,
        lease=lease,
        progress=progress,
    )
    records, made_by = found_of[name], run_hash(manifest, name)
    counts = as_recorded(subject.counts, records)
    attacked = without_extras(records)
    summary = summarize(attacked)
    shown = choose_shown(attacked, gallery, settings.explainers[0], settings.attacks[0])
    samples = [place.sample for place in shown.places]
    keep_pictures(
        out,
        probe,
        samples,
        records,
        name=name,
        run=made_by,
        lease=lease,
        size=settings.shard_size,
        progress=progress,
    )
    found = tuple(verdicts(summary, records, subject.k, there=counts.attackable))
    sentences = [sentence(verdict) for verdict in found]
    lease.check()
    write_text(out / "summary.csv", summary.to_csv(index=False))
    write_text(out / "samples.csv", sample_table(records, subject.source).to_csv(index=False))
    write_report(
        out / "report.html",
        title=f"How far can the explanations of {readable(settings.model)} be trusted?",
        facts=_facts(subject, counts, records, manifest),
        verdict_lines=[(text, v.state) for text, v in zip(sentences, found, strict=True)],
        summary=summary,
        exclusions=exclusions(records),
        skipped_files=[(file.path, file.reason) for file in subject.source.skipped],
        examples=examples(
            read_gallery(out, name, made_by, lambda array: sample_of(array) in samples),
            records,
            subject.source,
            shown.places,
            bands=settings.bands,
        ),
        chance_overlap=_chance(subject),
        gallery_text=shown.text,
        counts_text=_data(subject, counts),
    )
    _tell(say, width, subject, counts, records, summary, sentences)
    say(f"report: {readable(out / 'report.html')}")
    return AuditResult(records, summary, found, out / "report.html", counts)


def _deciding(subject: Subject) -> dict[str, Any]:
    """Every setting that decides the records; what the data gave explainers among them."""
    settings = dataclasses.asdict(subject.settings)
    settings |= {"k": subject.k, "epsilon": subject.settings.radii}
    if not in_need_of("patterns", subject.settings):
        del settings["pattern_images"]
    more = {"taken_from_data": subject.taken, "parts": own_parts(subject.settings)}
    return settings | {name: value for name, value in more.items() if value}


def _tell(
    say: Say,
    width: int,
    subject: Subject,
    counts: Counts,
    records: pd.DataFrame,
    summary: pd.DataFrame,
    sentences: Sequence[str],
) -> None:
    say("")
    say(format_table(summary, width))
    if subject.settings.bounds is not None:
        say(f"eps: {radii_in_words(subject.settings)}.")
    say(f"Chance level of the overlap: {_chance(subject):.3f}.")
    say(f"feeding: {subject.feeding.text}")
    for name, clause in odd_maps(records).items():
        say(f"{name}: {clause}.")
    for name, found in halvings(records).items():
        say(f"{name}: {found.text}.")
    say(f"images: {_data(subject, counts)}")
    for reason, count in exclusions(records).items():
        say(f"left out: {count} image{'' if count == 1 else 's'}, {reason}")
    if subject.source.skipped:
        say(skipped_in_words(subject.source.skipped))
    say("")
    for text in sentences:
        say(text)
    say(family.in_words(len(sentences)))


def _data(subject: Subject, counts: Counts) -> str:
    """The data and all of their counts, a sentence."""
    short = f". {counts.shortfall}" if counts.shortfall else ""
    return f"{subject.source.name}: {counts.text}{short}."


def _facts(
    subject: Subject, counts: Counts, records: pd.DataFrame, manifest: Manifest
) -> dict[str, str]:
    settings, probe = subject.settings, subject.probe
    objectives = {
        name: attack for name, attack in probe.attacks.items() if name in settings.attacks
    }
    drawn = bands.in_words(settings.bands, subject.image_shape[2])
    facts = {
        "Model": f"{readable(settings.model)}; {subject.network.head.note}",
        **({"Code": settings.code_run} if settings.code_run else {}),
        **({"Input": subject.adaptation} if subject.adaptation else {}),
        "Data": _data(subject, counts),
        "Preprocessing": subject.source.preprocessing.name,
        **inputs.facts(subject.source),
        **subject.feeding.facts,
        "Explainers": "; ".join(
            in_words(spec, BUDGETS[settings.budget], subject.taken.get(spec))
            for spec in settings.explainers
        ),
        "Attacks": "; ".join(
            f"{n}: {a.optimizer}, surrogate {a.surrogate}" for n, a in objectives.items()
        ),
        "Radii": f"{radii_in_words(settings)} (L-infinity)",
        **({"Drawn": drawn} if drawn else {}),
        "Words": family.in_words(len(settings.explainers) * len(settings.attacks)),
        "Overlap": f"top {subject.k} pixels; chance {_chance(subject):.3f}",
        "Derivatives": subject.gate.text,
        "Seed": str(settings.seed),
        "Device": manifest.device,
        "Versions": ", ".join(f"{n} {v}" for n, v in manifest.versions.items()),
        "Model digest": manifest.model_hash[:16],
        "Data digest": manifest.data_hash[:16],
    }
    gaps = records[records["metric"] == "gap"].groupby("explainer")["value"]
    if len(gaps):
        facts["Completeness gap"] = "; ".join(
            f"{name}: mean |gap| {group.abs().mean():.3g} logits" for name, group in gaps
        )
    odd = odd_maps(records)
    if odd:
        facts["Odd maps"] = "; ".join(f"{name}: {clause}" for name, clause in odd.items())
    halved = halvings(records)
    if halved:
        facts["Half the overlap gone"] = "; ".join(f"{n}: {h.text}" for n, h in halved.items())
    return facts


def _chance(subject: Subject) -> float:
    return subject.k / (subject.image_shape[0] * subject.image_shape[1])
