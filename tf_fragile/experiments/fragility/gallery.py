"""Images and maps before and after attacks (Ghorbani et al. 2019, appendix), method by method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tf_fragile.experiments.fragility import campaign as campaigns
from tf_fragile.experiments.fragility.campaign import Campaign
from tf_fragile.experiments.fragility.output import write_manifest, write_table
from tf_fragile.experiments.fragility.panels import (
    image_row,
    most_images,
    per_image,
    pictures,
    select,
    short,
)
from tf_fragile.experiments.fragility.planning import announce
from tf_fragile.experiments.fragility.plots import grid_picture
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.fragility.subject import Subject
from tf_fragile.runs.atomic import make_directory

OBJECTIVES = {"top_k": "top-k attack", "mass_center": "center attack"}


def attack_gallery(
    subject: Subject,
    preset: Preset,
    out: Path,
    *,
    samples: tuple[int, ...] = (),
    seed: int = 0,
    command: tuple[str, ...] = (),
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Makes attack_gallery.csv, .METHOD.png for each method, and .manifest.json in `out`.

    A row of a picture is an image: clean, under the top-k attack, under the center attack, each
    with its map.

    Args:
      subject: network and data.
      preset: how much work; the pictures show the largest of its radii.
      out: the output directory.
      samples: positions of the images; otherwise the first ones, in an order drawn from `seed`,
        that the network gets right with a confidence above `panels.CONFIDENCE`.
      seed: of the choice of images and of the random signs.
      command: the command line, for the manifests.
      progress: whether to draw bars.
      say: gets every line meant for people.

    Returns:
      One row an image, method and attack, with the metrics as columns.

    Raises:
      InputError: anything that is wrong with the settings, or `out` holds other runs.
    """
    make_directory(out)
    selection = select(subject, samples, most_images(preset), seed)
    campaign = Campaign(
        subject=subject,
        preset=preset,
        objectives=tuple(OBJECTIVES),
        positions=selection.positions,
        directory=out / "runs",
        seed=seed,
        command=command,
        gallery=len(selection.positions),
        only_correct=not samples,
    )
    announce((campaign,), selection, say)
    outcome = campaigns.run(campaign, progress=progress)
    table = per_image(outcome.records)
    found = [pictures(campaign, objective) for objective in OBJECTIVES]
    for method in preset.methods:
        shown = [
            [attacked[sample, method] for attacked in found]
            for sample in campaign.positions_of(method)
        ]
        grid_picture(
            [image_row(of_image, OBJECTIVES, table, subject) for of_image in shown],
            out / f"attack_gallery.{method}.png",
            title=f"{method.replace('_', ' ')}, ε = {preset.epsilon[-1]:g}; one colour scale a row",
            row_names=[f"image {of_image[0].sample}" for of_image in shown],
        )
    write_table(table, out / "attack_gallery.csv")
    write_manifest(out / "attack_gallery.manifest.json", campaign, outcome, selection)
    say(f"\n{short(table)}")
    say(f"\n{out / 'attack_gallery'}.csv, .METHOD.png, .manifest.json")
    return table
