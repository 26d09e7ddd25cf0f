"""An audit from settings to report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tf_fragile.audit import inputs
from tf_fragile.audit.gallery import examples
from tf_fragile.audit.odd_maps import odd_maps
from tf_fragile.audit.plan import make_plan
from tf_fragile.audit.plateau import plateaus
from tf_fragile.audit.report import write_report
from tf_fragile.audit.settings import BUDGETS, AuditSettings
from tf_fragile.audit.smallest import halvings
from tf_fragile.audit.specs import in_words
from tf_fragile.audit.subject import Subject, open_subject
from tf_fragile.audit.summary import exclusions, summarize, without_extras
from tf_fragile.audit.table import format_table
from tf_fragile.audit.verdict import Verdict, verdicts
from tf_fragile.errors import InputError
from tf_fragile.probes.running import run_probe
from tf_fragile.runs.atomic import make_directory, write_text
from tf_fragile.runs.gallery import read_gallery
from tf_fragile.runs.manifest import Manifest

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What an audit leaves behind.

    Attributes:
      records: one row a sample, explainer, attack, radius and metric.
      summary: means over images with bootstrap intervals.
      verdicts: one an explainer and attack.
      report: the HTML file.
    """

    records: pd.DataFrame
    summary: pd.DataFrame
    verdicts: tuple[Verdict, ...]
    report: Path


def run_audit(
    settings: AuditSettings,
    out: Path | str,
    *,
    data_dir: str | None = None,
    gallery: int = 8,
    command: Sequence[str] = (),
    say: Say = print,
    progress: bool = True,
) -> AuditResult:
    """Plans, runs (or finishes) and reports an audit.

    Args:
      settings: what to audit.
      out: the run directory.
      data_dir: where prepared TFDS data sets lie.
      gallery: images shown in the report.
      command: the command line, for the manifest.
      say: where text for people goes.
      progress: whether to draw a bar.

    Raises:
      InputError: bad input, before any work is done; or the directory can't be written.
    """
    out = make_directory(out)
    subject = open_subject(settings, data_dir)
    plan = make_plan(subject)
    for line in plan.lines:
        say(line)
    say(f"derivatives: {subject.gate.text}")
    records, manifest = run_probe(
        out,
        subject.probe,
        subject.source,
        subject.positions.tolist(),
        model=subject.model,
        settings=dataclasses.asdict(settings) | {"k": subject.k, "gallery": gallery},
        command=command,
        shard_size=settings.shard_size,
        gallery=gallery,
        progress=progress,
    )
    attacked = without_extras(records)
    summary = summarize(attacked)
    if summary.empty:
        raise InputError(
            f"None of the {len(subject.positions)} images was classified correctly, so there is "
            "nothing to attack; check --preprocessing and --data, or set --only_correct=false."
        )
    found = tuple(
        verdicts(
            summary,
            attacked,
            subject.k,
            plateaus=plateaus(records),
            derivatives=_doubt(subject),
            bare=plan.bare,
        )
    )
    write_text(out / "summary.csv", summary.to_csv(index=False))
    write_report(
        out / "report.html",
        title=f"How far can the explanations of {settings.model} be trusted?",
        facts=_facts(subject, records, manifest),
        verdict_lines=[verdict.text for verdict in found],
        summary=summary,
        exclusions=exclusions(records),
        skipped_files=[(file.path, file.reason) for file in subject.source.skipped],
        examples=examples(read_gallery(out), records, subject.source.class_names),
        chance_overlap=_chance(subject),
    )
    _tell(say, subject, records, summary, [verdict.text for verdict in found])
    say(f"report: {out / 'report.html'}")
    return AuditResult(records, summary, found, out / "report.html")


def _doubt(subject: Subject) -> str:
    """What the derivative gate leaves in doubt."""
    gate = subject.gate
    report = gate.report if gate.after is None else gate.after
    second_only = gate.kind == "secant" and not report.first_wrong and not report.not_finite
    return "" if report.ok or second_only else f"derivatives can't be believed: {report.problem}"


def _tell(
    say: Say,
    subject: Subject,
    records: pd.DataFrame,
    summary: pd.DataFrame,
    sentences: Sequence[str],
) -> None:
    say("")
    say(format_table(summary))
    say(f"Chance level of the overlap: {_chance(subject):.3f}.")
    for name, clause in odd_maps(records).items():
        say(f"{name}: {clause}.")
    for name, found in halvings(records).items():
        say(f"{name}: {found.text}.")
    for reason, count in exclusions(records).items():
        say(f"left out: {count} images, {reason}")
    for file in subject.source.skipped:
        say(f"skipped: {file.path}: {file.reason}")
    say("")
    for sentence in sentences:
        say(sentence)


def _facts(subject: Subject, records: pd.DataFrame, manifest: Manifest) -> dict[str, str]:
    settings, probe = subject.settings, subject.probe
    objectives = {
        name: attack for name, attack in probe.attacks.items() if name in settings.attacks
    }
    facts = {
        "Model": f"{settings.model}; {subject.network.head.note}",
        **({"Code": settings.code_run} if settings.code_run else {}),
        "Data": f"{subject.source.name}; {len(subject.positions)} of {len(subject.source)} images",
        "Preprocessing": subject.source.preprocessing.name,
        **inputs.facts(subject.source),
        "Explainers": "; ".join(
            in_words(spec, BUDGETS[settings.budget].explainers) for spec in settings.explainers
        ),
        "Attacks": "; ".join(
            f"{n}: {a.optimizer}, surrogate {a.surrogate}" for n, a in objectives.items()
        ),
        "Radii": ", ".join(f"{e:g}" for e in settings.epsilon) + " grey levels (L-infinity)",
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
