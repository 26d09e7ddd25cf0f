"""What a figure of single images is asked for, and the run behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tf_fragile.experiments.fragility import campaign as campaigns
from tf_fragile.experiments.fragility.campaign import Campaign, Outcome
from tf_fragile.experiments.fragility.images.panels import per_image
from tf_fragile.experiments.fragility.output import write_manifest, write_table
from tf_fragile.experiments.fragility.planning import announce
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.fragility.subject import Selection, Subject, choose_correct
from tf_fragile.runs.atomic import make_directory

CONFIDENCE = 0.5


@dataclass(frozen=True, eq=False)
class Request:
    """A figure of single images, as asked for.

    Attributes:
      subject: network and data.
      preset: how much work; pictures show the largest of its radii.
      out: the output directory.
      samples: positions of the images; otherwise the first ones, in an order drawn from `seed`,
        that the network gets right with a confidence above `CONFIDENCE`.
      seed: of the choice of images and of the random signs.
      command: the command line, for the manifests.
      progress: whether to draw bars.
      say: gets every line meant for people.
    """

    subject: Subject
    preset: Preset
    out: Path
    samples: tuple[int, ...] = ()
    seed: int = 0
    command: tuple[str, ...] = ()
    progress: bool = True
    say: Callable[[str], None] = print

    @property
    def num_images(self) -> int:
        """The largest number of images that a method is given."""
        return max(self.preset.of(method).num_images for method in self.preset.methods)

    def select(self, num: int) -> Selection:
        """The images asked for, or `num` drawn ones."""
        if self.samples:
            return Selection(self.samples, len(self.samples), 0)
        return choose_correct(self.subject, num, seed=self.seed, confidence=CONFIDENCE)

    def campaign(
        self, objectives: tuple[str, ...], positions: tuple[int, ...], directory: Path
    ) -> Campaign:
        """The attacks with `objectives` on the images at `positions`, every picture kept."""
        return Campaign(
            subject=self.subject,
            preset=self.preset,
            objectives=objectives,
            positions=positions,
            directory=directory,
            seed=self.seed,
            command=self.command,
            gallery=len(positions),
            only_correct=not self.samples,
        )


@dataclass(frozen=True, eq=False)
class Shown:
    """What was run for a figure.

    Attributes:
      campaign: the attacks.
      selection: the images.
      outcome: all records.
      table: of `panels.per_image`.
    """

    campaign: Campaign
    selection: Selection
    outcome: Outcome
    table: pd.DataFrame


def run(request: Request, objectives: tuple[str, ...]) -> Shown:
    """Chooses the images, says the cost, and computes what is missing in `out`/runs.

    Raises:
      InputError: anything that is wrong with the settings, or `out` holds other runs.
    """
    make_directory(request.out)
    selection = request.select(request.num_images)
    campaign = request.campaign(objectives, selection.positions, request.out / "runs")
    announce((campaign,), selection, request.say)
    outcome = campaigns.run(campaign, progress=request.progress)
    return Shown(campaign, selection, outcome, per_image(outcome.records))


def write(request: Request, shown: Shown, name: str, text: str, pictures: str = ".png") -> None:
    """Writes `name`.csv and .manifest.json, and says `text` and which files there are."""
    write_table(shown.table, request.out / f"{name}.csv")
    manifest = request.out / f"{name}.manifest.json"
    write_manifest(manifest, shown.campaign, shown.outcome, shown.selection)
    request.say(f"\n{text}\n\n{request.out / name}.csv, {pictures}, .manifest.json")
