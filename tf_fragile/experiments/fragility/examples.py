"""Images before and after an attack, with their maps (Ghorbani et al. 2019, Fig. 1)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility import campaign as campaigns
from tf_fragile.experiments.fragility.campaign import Campaign
from tf_fragile.experiments.fragility.output import write_manifest, write_table
from tf_fragile.experiments.fragility.panels import (
    attacked_panels,
    clean_panels,
    most_images,
    per_image,
    pictures,
    select,
)
from tf_fragile.experiments.fragility.planning import announce
from tf_fragile.experiments.fragility.plots import Panel, grid_picture, shared_scale
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.fragility.subject import Subject
from tf_fragile.probes.pictures import Picture
from tf_fragile.runs.atomic import make_directory


def attack_examples(
    subject: Subject,
    preset: Preset,
    out: Path,
    *,
    objective: str = "mass_center",
    samples: tuple[int, ...] = (),
    seed: int = 0,
    command: tuple[str, ...] = (),
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Makes attack_examples.csv, .png and .manifest.json in `out`.

    Args:
      subject: network and data.
      preset: how much work; the picture shows the largest of its radii.
      out: the output directory.
      objective: of the attack.
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
        objectives=(objective,),
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
    found = pictures(campaign, objective)
    rows, names = [], []
    for sample in selection.positions:
        shown = [found[sample, method] for method in preset.methods if (sample, method) in found]
        if shown:
            rows += [*_rows(shown, table, subject)]
            names += ["original", f"ε = {preset.epsilon[-1]:g}"]
    if not rows:
        raise InputError("None of the images can be shown; choose others with --samples.")
    widest = max(map(len, rows))
    grid_picture(
        [row for row in rows if len(row) == widest],
        out / "attack_examples.png",
        title=f"{objective.replace('_', '-')} attack: picture and map, one colour scale a pair",
        row_names=[name for name, row in zip(names, rows, strict=True) if len(row) == widest],
    )
    write_table(table, out / "attack_examples.csv")
    write_manifest(out / "attack_examples.manifest.json", campaign, outcome, selection)
    say(f"\n{table.to_string(index=False, float_format='%.3g')}")
    say(f"\n{out / 'attack_examples'}.csv, .png, .manifest.json")
    return table


def _rows(
    shown: list[Picture], table: pd.DataFrame, subject: Subject
) -> tuple[list[Panel], list[Panel]]:
    """The panels of one image: picture and map of every method, clean and perturbed."""
    before: list[Panel] = []
    after: list[Panel] = []
    for picture in shown:
        scale = shared_scale(picture.map, picture.maps[-1])
        before += clean_panels([picture], table, subject, scale)
        after += attacked_panels(picture, table, subject, scale)
    return before, after
