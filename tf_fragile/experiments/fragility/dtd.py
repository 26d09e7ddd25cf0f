"""Deep Taylor decomposition of images before and after attacks (Ghorbani et al. 2019, appendix)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility import campaign as campaigns
from tf_fragile.experiments.fragility.campaign import Campaign
from tf_fragile.experiments.fragility.gallery import OBJECTIVES
from tf_fragile.experiments.fragility.output import write_manifest, write_table
from tf_fragile.experiments.fragility.panels import (
    image_row,
    per_image,
    pictures,
    select,
    short,
)
from tf_fragile.experiments.fragility.planning import announce
from tf_fragile.experiments.fragility.plots import Panel, grid_picture
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.fragility.subject import Subject
from tf_fragile.runs.atomic import make_directory


def dtd_examples(
    subject: Subject,
    preset: Preset,
    out: Path,
    *,
    seed: int = 0,
    command: tuple[str, ...] = (),
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Makes dtd_examples.csv, .png and .manifest.json in `out`.

    Each attack has images of its own, as in the paper: the left half of the picture are those of
    the top-k attack, the right half those of the center attack.

    Args:
      subject: network and data.
      preset: how much work; its images are those of one attack. One method.
      out: the output directory.
      seed: of the choice of images and of the random signs.
      command: the command line, for the manifests.
      progress: whether to draw bars.
      say: gets every line meant for people.

    Returns:
      One row an image and attack, with the metrics as columns.

    Raises:
      InputError: anything that is wrong with the settings, or `out` holds other runs.
    """
    if len(preset.methods) != 1:
        raise InputError("This figure shows one method; give one with --methods.")
    make_directory(out)
    (method,) = preset.methods
    each = preset.of(method).num_images
    selection = select(subject, (), len(OBJECTIVES) * each, seed)
    both = [
        Campaign(
            subject=subject,
            preset=preset,
            objectives=(objective,),
            positions=selection.positions[i * each : (i + 1) * each],
            directory=out / "runs" / objective,
            seed=seed,
            command=command,
            gallery=each,
        )
        for i, objective in enumerate(OBJECTIVES)
    ]
    announce(both, selection, say)
    outcomes = [campaigns.run(campaign, progress=progress) for campaign in both]
    table = pd.concat([per_image(outcome.records) for outcome in outcomes], ignore_index=True)
    left, right = (_half(campaign, table) for campaign in both)
    grid_picture(
        [[*one, *other] for one, other in zip(left, right, strict=True)],
        out / "dtd_examples.png",
        title=f"{method.replace('_', ' ')}, ε = {preset.epsilon[-1]:g}; one colour scale a pair",
        row_names=[""] * each,
    )
    write_table(table, out / "dtd_examples.csv")
    joined = replace(
        outcomes[0],
        manifests={
            f"{method}, {objective}": outcome.manifests[method]
            for objective, outcome in zip(OBJECTIVES, outcomes, strict=True)
        },
    )
    write_manifest(out / "dtd_examples.manifest.json", both[0], joined, selection)
    say(f"\n{short(table)}")
    say(f"\n{out / 'dtd_examples'}.csv, .png, .manifest.json")
    return table


def _half(campaign: Campaign, table: pd.DataFrame) -> list[list[Panel]]:
    """The panels of one attack, a row an image."""
    (method,), (objective,) = campaign.preset.methods, campaign.objectives
    found = pictures(campaign, objective)
    return [
        image_row([found[sample, method]], OBJECTIVES, table, campaign.subject)
        for sample in campaign.positions
    ]
