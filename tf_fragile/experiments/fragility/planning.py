"""What a campaign will cost, said before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import tensorflow as tf

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.cost import BUILD
from tf_fragile.experiments.fragility.campaign import Campaign, probes
from tf_fragile.experiments.fragility.output import said
from tf_fragile.experiments.fragility.subject import Selection, Subject
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.runs.shards import seems_complete
from tf_fragile.runs.tasks import cut


@dataclass(frozen=True)
class Line:
    """The work of one method.

    Attributes:
      text: it, for people.
      forwards: forward passes of one image it amounts to.
      missing: the share of its images that have no records yet.
      attacks: how many have to be built for these.
    """

    text: str
    forwards: float
    missing: float
    attacks: int


def plan(campaign: Campaign) -> tuple[Line, ...]:
    """The work of every method; computes nothing."""
    return tuple(
        _line(campaign, method, probe.explainers[method], probe.attacks)
        for method, probe in probes(campaign).items()
    )


def describe(campaign: Campaign, seconds_per_forward: float) -> list[str]:
    """The plan as lines of text, with the time it takes at a measured speed."""
    work = plan(campaign)
    seconds = sum(line.forwards * line.missing for line in work) * seconds_per_forward
    total, built = sum(line.forwards for line in work), sum(line.attacks for line in work)
    seconds += BUILD * built
    left = "nothing left to compute" if seconds == 0 else f"roughly {spoken(seconds)} to go here"
    return [
        f"{campaign.subject.name} on {campaign.subject.source.name}, records in "
        f"{campaign.directory}",
        *(f"  {line.text}" for line in work),
        f"  about {total:,.0f} forward passes in all and {built} attacks to build, {left}",
    ]


def announce(
    campaigns: Sequence[Campaign], selection: Selection | None, say: Callable[[str], None]
) -> None:
    """Says what campaigns on one subject will cost here, and how their images were chosen."""
    speed = seconds_per_forward(campaigns[0].subject, campaigns[0].preset.rows)
    for line in chain.from_iterable(describe(campaign, speed) for campaign in campaigns):
        say(line)
    if selection is not None:
        say(said(selection))


def seconds_per_forward(subject: Subject, rows: int) -> float:
    """Seconds that a forward pass of one image takes in a batch of `rows`, measured now."""
    images = tf.zeros((rows, *subject.source.image_shape))
    forward = tf.function(subject.network.logits, autograph=False)
    forward(images).numpy()
    started = time.perf_counter()
    forward(images).numpy()
    return (time.perf_counter() - started) / rows


def _line(
    campaign: Campaign, method: str, explainer: Explainer, attacks: Mapping[str, Attack]
) -> Line:
    preset, positions = campaign.preset, campaign.positions_of(method)
    evaluations = explainer.method.evaluations
    steps = preset.of(method).steps
    once = sum(made.forwards(explainer) for made in attacks.values())
    forwards = len(positions) * len(preset.epsilon) * once
    place, name = campaign.place(method), FragilityProbe.name
    tasks = cut(positions, preset.shard_size)
    there = [task for task in tasks if seems_complete(place, name, task)]
    done = sum(len(task.positions) for task in there)
    text = (
        f"{method}: {len(positions)} images x {len(preset.epsilon)} radii x "
        f"{len(campaign.objectives)} attacks x {steps} steps of "
        f"{preset.of(method).step_size:g}, {evaluations} gradient"
        f"{'s' if evaluations > 1 else ''} a map: about {forwards:,.0f} forward passes"
        f"{f'; {done} images already there' if done else ''}"
    )
    missing = 1 - done / len(positions)
    return Line(text, forwards, missing, len(attacks) if missing else 0)


def spoken(seconds: float) -> str:
    """A time span for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
