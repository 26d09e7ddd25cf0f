"""What an audit will cost, said before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.attacks.cost import BUILD
from tf_fragile.attacks.trusting import unfollowed
from tf_fragile.audit.bands import in_words
from tf_fragile.audit.counts import Counts, skipped_in_words
from tf_fragile.audit.inputs import plan_lines
from tf_fragile.audit.specs import in_need_of
from tf_fragile.audit.subject import Subject
from tf_fragile.audit.units import radii_in_words
from tf_fragile.errors import readable
from tf_fragile.explainers.needs import PATTERN_FORWARDS
from tf_fragile.models.batch import fixed_batch
from tf_fragile.probes.fragility.family import too_few
from tf_fragile.probes.fragility.work import padded, padding


@dataclass(frozen=True)
class Plan:
    """The size of the work.

    Attributes:
      images: how many are attacked.
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
    """Whether the gallery has room for all attacked images, so that nobody is chosen."""
    return gallery >= counts.attacked


def make_plan(subject: Subject, gallery: int = 0) -> Plan:
    """Counts the work of an audit and times a forward pass.

    Args:
      subject: what is audited.
      gallery: images shown in the report.
    """
    settings, probe, counts = subject.settings, subject.probe, subject.counts
    levels, size = len(settings.radii), settings.shard_size
    images, attacks = counts.attacked, list(probe.attacks.values())
    tasks = probe.tasks(subject.positions.tolist(), size)
    again = 0 if everyone_shown(gallery, counts) else gallery
    work = probe.work(probe.tasks(subject.attacked.tolist(), size))
    forwards, rows = work.forwards, settings.rows_at_once
    if again:
        for explainer in probe.explainers.values():
            runs = padded(probe.tasks(range(again), size), levels, rows)
            forwards += runs * sum(attack.forwards(explainer) for attack in attacks)
    estimating, needs = _needs(subject)
    forwards += estimating
    filled = padding(tasks, levels, rows)
    warnings = _unfollowed(subject)
    seconds = forwards * _seconds_a_forward(subject) + BUILD * work.builds
    family = len(settings.explainers) * len(settings.attacks)
    short = too_few(images, family, there=counts.attackable)
    bands = in_words(settings.bands, subject.image_shape[2])
    head = [
        f"model: {readable(settings.model)} ({subject.network.head.note})",
        *([f"code: {settings.code_run}"] if settings.code_run else []),
        *([f"input: {subject.adaptation}"] if subject.adaptation else []),
        f"data: {subject.source.name}: {counts.text}; "
        f"preprocessing {subject.source.preprocessing.name!r}",
        *([counts.shortfall] if counts.shortfall else []),
        *([skipped_in_words(subject.source.skipped)] if subject.source.skipped else []),
        *plan_lines(subject.source),
        *([f"radii: {radii_in_words(settings)}"] if settings.bounds else []),
        *([f"drawn: {bands}"] if bands else []),
        *subject.feeding.lines,
        f"maps: top {subject.k} of {subject.image_shape[0] * subject.image_shape[1]} pixels",
    ]
    tail = [
        *([short] if short else []),
        *([_gallery(gallery, again, counts)] if gallery else []),
        f"chunks of {rows} rows (an image at a radius), {_share(filled)} of them padding",
        f"about {forwards:,.0f} forward passes in {len(tasks)} shards and {work.builds} attacks to "
        f"build, {_spoken(seconds)} here",
    ]
    lines = (*head, *work.lines, *needs, *warnings, *tail)
    return Plan(images, len(tasks), forwards, seconds, lines)


def _needs(subject: Subject) -> tuple[float, tuple[str, ...]]:
    """Forward passes that it takes what explainers take from the data, and the sentences."""
    forwards, lines = 0.0, []
    patterned, ranged = (in_need_of(what, subject.settings) for what in ("patterns", "range"))
    if patterned:
        images = min(subject.settings.pattern_images, len(subject.source))
        forwards = PATTERN_FORWARDS * images
        lines.append(
            f"patterns of {', '.join(patterned)}: estimated first, from {images} images, about "
            f"{forwards:,.0f} forward passes"
        )
    if ranged:
        lines.append(f"bounds of {', '.join(ranged)}: the range of the data")
    return forwards, tuple(lines)


def _gallery(gallery: int, again: int, counts: Counts) -> str:
    if not again and counts.attacked == 1:
        return "gallery: the one attacked image"
    if not again:
        return f"gallery: all {counts.attacked} attacked images"
    return (
        f"gallery: {gallery} of the {counts.attacked} attacked images, chosen by what the attack "
        "did to them and attacked once more for their pictures"
    )


def _share(part: float) -> str:
    return f"{100 * part:.0f} %" if part else "none"


def _unfollowed(subject: Subject) -> tuple[str, ...]:
    """Sentences on the layers without a surrogate."""
    if not subject.bare:
        return ()
    attack = next(a for a in subject.probe.attacks.values() if a.optimizer.cost.derivatives)
    sample = tf.constant(subject.source.load(subject.positions[:1]).image)
    return tuple(unfollowed(subject.network, attack.surrogate, sample))


def _seconds_a_forward(subject: Subject) -> float:
    rows = fixed_batch(subject.model) or subject.settings.rows
    batch = tf.zeros((rows, *subject.image_shape))
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
