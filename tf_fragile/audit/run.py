"""An audit from settings to report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from tf_fragile.audit.answers import Answer, answer
from tf_fragile.audit.asking import Asking, ask
from tf_fragile.audit.counts import Counts, as_recorded, exclusions, skipped_in_words
from tf_fragile.audit.objects import NOTHING, Objects
from tf_fragile.audit.page import data_in_words, write_page
from tf_fragile.audit.parts import own_explainers, own_probe
from tf_fragile.audit.plan import everyone_shown, is_pictured, make_plan
from tf_fragile.audit.samples import sample_table
from tf_fragile.audit.settings import AuditSettings
from tf_fragile.audit.specs import in_need_of
from tf_fragile.audit.subject import Opened, open_subject
from tf_fragile.errors import InputError, readable, unknown_name
from tf_fragile.probes.contract import Bound, Pictured, Probe, Showing
from tf_fragile.probes.running import keep_pictures, run
from tf_fragile.report.terminal import WIDTH, draw
from tf_fragile.report.verdict import Verdict
from tf_fragile.runs.artefacts import Store
from tf_fragile.runs.atomic import write_text
from tf_fragile.runs.cache import cache_directory
from tf_fragile.runs.execution import held
from tf_fragile.runs.gallery import read_gallery
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.manifest import run_hash
from tf_fragile.runs.tasks import Arrays

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What an audit leaves behind.

    Attributes:
      answers: what each probe found, by its name: records, summary and verdicts.
      refused: why probes were not asked, a sentence by name.
      report: the HTML file; `None` where none was to be kept.
      counts: images found, looked at and asked about.
    """

    answers: Mapping[str, Answer]
    refused: Mapping[str, str]
    report: Path | None
    counts: Counts

    def __getitem__(self, probe: str) -> Answer:
        """What one probe found; raises `InputError` where it was not asked."""
        if probe in self.refused:
            raise InputError(f"{probe} was not asked: {self.refused[probe]}")
        if probe not in self.answers:
            raise unknown_name("probe of this audit", probe, self.answers)
        return self.answers[probe]

    def without_report(self) -> AuditResult:
        """The same, of a run directory that is gone."""
        return replace(self, report=None)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Of all probes."""
        return tuple(verdict for one in self.answers.values() for verdict in one.verdicts)


def run_audit(
    settings: AuditSettings,
    out: Path | str,
    *,
    objects: Objects = NOTHING,
    data_dir: str | None = None,
    cache: str | None = None,
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
      objects: a model or data that were given as such.
      data_dir: where prepared TFDS data sets lie.
      cache: where what runs share is kept, as patterns; the platform's cache where `None`.
      gallery: images shown in the report, chosen out of all that were asked about.
      command: the command line, for the manifest.
      say: where text for people goes.
      progress: whether to draw a bar.
      width: columns of the table.

    Raises:
      InputError: bad input, before any work is done; the directory can't be written, or another
        process works in it.
    """
    with held(out) as lease:
        store = Store(cache_directory(cache, Path(out) / "cache"))
        opened = open_subject(settings, data_dir, objects=objects, store=store, progress=progress)
        asking = ask(opened)
        for line in (*make_plan(opened, asking.bound, gallery).lines, *asking.lines):
            say(line)
        if opened.subject.checked is not None:
            say(f"derivatives: {opened.subject.checked.text}")
        if in_need_of("patterns", settings):
            opened = opened.filled(progress=progress)
            asking = ask(opened)
        return _finished(
            opened,
            asking,
            Path(out),
            lease,
            gallery=gallery,
            command=command,
            say=say,
            progress=progress,
            width=width,
        )


def _finished(
    opened: Opened,
    asking: Asking,
    out: Path,
    lease: Lease,
    *,
    gallery: int,
    command: Sequence[str],
    say: Say,
    progress: bool,
    width: int,
) -> AuditResult:
    settings, subject = opened.settings, opened.subject
    probes = {name: _shown_at_once(opened, one, gallery) for name, one in asking.bound.items()}
    failures: dict[str, Exception] = {}
    found, manifest = run(
        out,
        list(probes.values()),
        subject.source,
        subject.positions.tolist(),
        model=subject.model,
        seed=settings.seed,
        settings=_deciding(opened),
        settings_of={
            name: {**one.decides, **own_probe(name)} for name, one in asking.bound.items()
        },
        command=command,
        size=settings.shard_size,
        lease=lease,
        progress=progress,
        store=subject.store,
        doubts=opened.doubts,
        failed=failures.__setitem__ if len(probes) > 1 else None,
    )
    if not found:
        raise next(iter(failures.values()))
    everything = pd.concat(found.values(), ignore_index=True)
    counts = as_recorded(opened.counts, everything)
    answers = {
        name: answer(name, records, opened.about, tuple(opened.doubts))
        for name, records in found.items()
    }
    pictures: dict[str, Arrays] = {}
    for name, one in answers.items():
        probe, made_by = probes[name], run_hash(manifest, name)
        shown = is_pictured(opened, asking.bound[name])
        if not (shown and isinstance(one.view, Showing) and isinstance(probe, Pictured)):
            continue
        samples = list(one.view.chosen(one.records, gallery))
        keep_pictures(
            out,
            probe,
            samples,
            one.records,
            name=name,
            run=made_by,
            lease=lease,
            size=settings.shard_size,
            artefacts=probes[name].artefacts(),
            store=subject.store,
            progress=progress,
        )
        pictures[name] = read_gallery(out, name, made_by, _among(samples))
    lease.check()
    write_text(out / "summary.csv", _summary(answers).to_csv(index=False))
    write_text(out / "samples.csv", sample_table(everything, subject.source).to_csv(index=False))
    write_page(out / "report.html", opened, asking, answers, pictures, counts, manifest)
    _tell(say, width, opened, counts, answers)
    say(f"report: {readable(out / 'report.html')}")
    for name, error in failures.items():
        say(f"{name} broke off, the others are finished")
        raise error
    return AuditResult(answers, asking.refused, out / "report.html", counts)


def _shown_at_once(opened: Opened, bound: Bound, gallery: int) -> Probe:
    """A probe whose tasks keep the pictures of all samples, where all are shown."""
    shown = is_pictured(opened, bound) and everyone_shown(gallery, opened.counts)
    if shown and isinstance(bound.probe, Pictured):
        return bound.probe.showing(frozenset(map(int, opened.subject.positions)))
    return bound.probe


def _among(samples: Sequence[int]) -> Callable[[str], bool]:
    """Whether an array is a picture of one of the samples, by its name."""
    chosen = set(samples)
    return lambda array: int(array.partition("|")[0]) in chosen


def _summary(answers: Mapping[str, Answer]) -> pd.DataFrame:
    """The summaries of all probes below each other, with the probe in the first column."""
    tables = [one.summary.assign(probe=name) for name, one in answers.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[["probe", *(column for column in table.columns if column != "probe")]]


def _deciding(opened: Opened) -> dict[str, Any]:
    """Every setting that decides the records of all probes; what the data gave among them."""
    settings = dataclasses.asdict(opened.settings)
    for of_probes in ("probes", "asked"):
        del settings[of_probes]
    if not in_need_of("patterns", opened.settings):
        del settings["pattern_images"]
    more = {"taken_from_data": opened.taken, "parts": own_explainers(opened.settings)}
    return settings | {name: value for name, value in more.items() if value}


def _tell(
    say: Say, width: int, opened: Opened, counts: Counts, answers: Mapping[str, Answer]
) -> None:
    source = opened.subject.source
    for name, one in answers.items():
        say("")
        if len(answers) > 1:
            say(f"{name}:")
        for section in one.sections({}):
            for line in draw(section, width):
                say(line)
    say(f"feeding: {opened.feeding.text}")
    say(f"images: {data_in_words(source, counts)}")
    records = pd.concat([one.records for one in answers.values()])
    for reason, count in exclusions(records).items():
        say(f"left out: {count} image{'' if count == 1 else 's'}, {reason}")
    if source.skipped:
        say(skipped_in_words(source.skipped))
    say("")
    for one in answers.values():
        for text in (*one.sentences, one.words):
            say(text)
