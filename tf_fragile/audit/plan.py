"""What an audit will cost, said before it starts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.attacks.cost import BUILD
from tf_fragile.audit.counts import Counts, skipped_in_words
from tf_fragile.audit.inputs import plan_lines
from tf_fragile.audit.specs import in_need_of
from tf_fragile.audit.subject import Opened
from tf_fragile.data.bands import in_words, is_picture
from tf_fragile.errors import readable
from tf_fragile.models.batch import fixed_batch
from tf_fragile.probes.contract import Bound, Pictured, Work
from tf_fragile.runs.artefacts import planned


@dataclass(frozen=True)
class Plan:
    """The size of the work.

    Attributes:
      images: how many are asked about.
      shards: how many parts it is written in.
      forwards: forward passes of one image it amounts to.
      seconds: estimate of the time, from a forward pass timed here and now.
      lines: the plan for people.
    """

    images: int
    shards: int
    forwards: float
    seconds: float
    lines: tuple[str, ...]


def everyone_shown(gallery: int, counts: Counts) -> bool:
    """Whether the gallery holds every image that is asked about."""
    return gallery >= counts.audited


def is_pictured(opened: Opened, bound: Bound) -> bool:
    """Whether a probe shows samples in pictures: it can, and they are some."""
    return isinstance(bound.probe, Pictured) and is_picture(opened.subject.source.image_shape)


def make_plan(opened: Opened, bound: Mapping[str, Bound], gallery: int = 8) -> Plan:
    """Counts forward passes and times a forward pass.

    Args:
      opened: what is audited.
      bound: what is asked, by the probe's name.
      gallery: images shown in the report.
    """
    settings, subject, counts = opened.settings, opened.subject, opened.counts
    size = settings.shard_size
    forwards, builds, shards = 0.0, 0, 0
    again = 0 if everyone_shown(gallery, counts) else gallery
    asked: list[str] = []
    for name, one in bound.items():
        work = one.probe.work(one.probe.tasks(subject.kept.tolist(), size))
        shards += len(one.probe.tasks(subject.positions.tolist(), size))
        forwards, builds = forwards + work.forwards, builds + work.builds
        if again and is_pictured(opened, one) and isinstance(one.probe, Pictured):
            forwards += one.probe.picture_work(again, size).forwards
        lines = (*one.lines, *work.lines, *one.notes)
        asked += [f"{name}: {line}" for line in lines] if len(bound) > 1 else lines
    needed = _needed(opened, bound)
    forwards, builds = forwards + needed.forwards, builds + needed.builds
    seconds = forwards * _seconds_a_forward(opened) + BUILD * builds
    bands = in_words(settings.bands, subject.source.image_shape)
    pictured = gallery and any(is_pictured(opened, one) for one in bound.values())
    lines = (
        f"model: {readable(settings.model)} ({subject.network.head.note})",
        *([f"code: {settings.code_run}"] if settings.code_run else []),
        *([f"input: {opened.adaptation}"] if opened.adaptation else []),
        f"data: {subject.source.name}: {counts.text}; "
        f"preprocessing {subject.source.preprocessing.name!r}",
        *([counts.shortfall] if counts.shortfall else []),
        *([skipped_in_words(subject.source.skipped)] if subject.source.skipped else []),
        *plan_lines(subject.source),
        *([f"drawn: {bands}"] if bands else []),
        *opened.feeding.lines,
        *asked,
        *needed.lines,
        *([_gallery(gallery, again, counts)] if pictured else []),
        f"about {forwards:,.0f} forward passes in {shards} shards and {builds} functions to "
        f"build, {_spoken(seconds)} here",
    )
    return Plan(counts.audited, shards, forwards, seconds, lines)


def _needed(opened: Opened, bound: Mapping[str, Bound]) -> Work:
    """What explainers and probes take before the first task, and the sentences."""
    work = Work()
    patterned, ranged = (in_need_of(what, opened.settings) for what in ("patterns", "range"))
    artefacts = [artefact for one in bound.values() for artefact in one.probe.artefacts()]
    if patterned:
        artefacts.append(opened.data.artefact)
        work += Work(lines=(f"patterns of {', '.join(patterned)}: estimated from the data",))
    if opened.subject.store is not None:
        work += planned(opened.subject.store, artefacts)
    else:
        forwards = sum(artefact.work.forwards for artefact in artefacts)
        work += Work(forwards, lines=tuple(f"{one.name}: made first" for one in artefacts))
    if ranged:
        work += Work(lines=(f"bounds of {', '.join(ranged)}: the range of the data",))
    return work


def _gallery(gallery: int, again: int, counts: Counts) -> str:
    if not again and counts.audited == 1:
        return "gallery: the one image"
    if not again:
        return f"gallery: all {counts.audited} images"
    return (
        f"gallery: {gallery} of the {counts.audited} images, chosen by what was found, and looked "
        "at once more for their pictures"
    )


def _seconds_a_forward(opened: Opened) -> float:
    subject = opened.subject
    rows = fixed_batch(subject.model) or subject.rows
    batch = tf.zeros((rows, *subject.source.image_shape))
    forward = tf.function(subject.network.logits, autograph=False)
    forward(batch)
    started = time.perf_counter()
    forward(batch).numpy()
    return (time.perf_counter() - started) / rows


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"roughly {max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"roughly {minutes:.0f} min" if minutes < 90 else f"roughly {minutes / 60:.1f} h"
