"""What a figure of single images is asked for, and the job of one campaign behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from tf_fragile.experiments.fragility.campaign import Campaign, runs
from tf_fragile.experiments.fragility.images.panels import per_image
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Drawn, Found, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import (
    Selection,
    Subject,
    choose_correct,
    facts,
    opened,
    said,
)

CONFIDENCE = 0.5


@dataclass(frozen=True, eq=False)
class Request:
    """A figure of single images, as asked for.

    Attributes:
      subject: network and data.
      preset: how much work; pictures show the largest of its radii.
      place: where it goes.
      samples: positions of the images; otherwise the first ones, in an order drawn from the seed,
        that the network gets right with a confidence above `CONFIDENCE`.
    """

    subject: Subject
    preset: Preset
    place: Place
    samples: tuple[int, ...] = ()

    @property
    def num_images(self) -> int:
        """The largest number of images that a method is given."""
        return max(self.preset.of(method).num_images for method in self.preset.methods)

    def select(self, num: int) -> Selection:
        """The images asked for, or `num` drawn ones."""
        if self.samples:
            return Selection(self.samples, len(self.samples), 0)
        seed = self.place.seed
        return choose_correct(self.subject, num, seed=seed, confidence=CONFIDENCE)

    def campaign(
        self, objectives: tuple[str, ...], positions: tuple[int, ...], directory: str = "runs"
    ) -> Campaign:
        """The attacks with `objectives` on the images at `positions`, every picture kept."""
        return Campaign(
            subject=self.subject,
            preset=self.preset,
            objectives=objectives,
            positions=positions,
            directory=self.place.out / directory,
            seed=self.place.seed,
            gallery=len(positions),
            only_correct=not self.samples,
        )


@dataclass(frozen=True, eq=False)
class Shown:
    """What was run for a figure.

    Attributes:
      campaign: the attacks.
      table: of `panels.per_image`.
    """

    campaign: Campaign
    table: pd.DataFrame


def request_of(asked: Asked, place: Place, samples: tuple[int, ...] = ()) -> Request:
    """The request that the flags ask for, on drawn images if `samples` is empty."""
    return Request(opened(asked), asked.settings, place, samples)


def job_of(
    name: str, request: Request, objectives: tuple[str, ...], draw: Callable[[Shown], Drawn]
) -> Job:
    """The job of one campaign on the images of a request.

    Args:
      name: of the figure.
      request: it.
      objectives: of the attacks.
      draw: makes the figure of what was run.

    Raises:
      InputError: anything that is wrong with the settings.
    """
    selection = request.select(request.num_images)
    campaign = request.campaign(objectives, selection.positions)
    return Job(
        name,
        partial(_draw, campaign, draw),
        runs(campaign),
        notes=(said(selection),),
        facts=facts(request.subject, selection),
        rows=request.preset.rows,
    )


def _draw(campaign: Campaign, draw: Callable[[Shown], Drawn], found: Found) -> Drawn:
    return draw(Shown(campaign, per_image(found.together)))
