"""Images before and after an attack, with their maps (Ghorbani et al. 2019, Fig. 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility import campaign as campaigns
from tf_fragile.experiments.fragility.campaign import Campaign
from tf_fragile.experiments.fragility.output import said, write_manifest, write_table
from tf_fragile.experiments.fragility.plots import Panel, grid_picture, shared_scale
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.fragility.subject import Selection, Subject, choose_correct
from tf_fragile.probes.pictures import Picture, from_arrays
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.gallery import read_gallery

CONFIDENCE = 0.5


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
        that the network gets right with a confidence above `CONFIDENCE`.
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
    selection = _select(subject, preset, samples, seed)
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
    speed = campaigns.seconds_per_forward(subject, preset.rows)
    for line in (*campaigns.describe(campaign, speed), said(selection)):
        say(line)
    outcome = campaigns.run(campaign, progress=progress)
    table = per_image(outcome.records)
    found = pictures(campaign, objective)
    rows, names = [], []
    for sample in selection.positions:
        shown = [found[sample, method] for method in preset.methods if (sample, method) in found]
        if shown:
            before, after = _rows(shown, table, subject, objective)
            rows += [before, after]
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


def per_image(records: pd.DataFrame) -> pd.DataFrame:
    """Records of attacks with their metrics as columns, one row an image, method and attack."""
    key = ["sample", "label", "predicted", "explainer", "attack", "epsilon"]
    attacked = records[records["attack"] != ""]
    return attacked.pivot(index=key, columns="metric", values="value").reset_index()


def pictures(campaign: Campaign, attack: str) -> dict[tuple[int, str], Picture]:
    """The stored pictures of one attack by image and method."""
    galleries: Iterable[Picture] = (
        picture
        for method in campaign.preset.methods
        for picture in from_arrays(read_gallery(campaign.place(method)))
    )
    return {(p.sample, p.explainer): p for p in galleries if p.attack == attack}


def caption(row: pd.Series, subject: Subject, when: str, label: int | None = None) -> str:
    """Label and confidence, `when` being `"before"` or `"after"`, for a picture's title."""
    name = subject.class_name(int(row["predicted"]) if label is None else label)
    return f"{name}, {100 * row[f'confidence_{when}']:.1f} %"


def _select(subject: Subject, preset: Preset, samples: tuple[int, ...], seed: int) -> Selection:
    if samples:
        return Selection(samples, len(samples), 0)
    largest = max(preset.of(method).num_images for method in preset.methods)
    return choose_correct(subject, largest, seed=seed, confidence=CONFIDENCE)


def _rows(
    shown: list[Picture], table: pd.DataFrame, subject: Subject, objective: str
) -> tuple[list[Panel], list[Panel]]:
    """The panels of one image: picture and map of every method, clean and perturbed."""
    before: list[Panel] = []
    after: list[Panel] = []
    for picture in shown:
        row = table[
            (table["sample"] == picture.sample)
            & (table["explainer"] == picture.explainer)
            & (table["attack"] == objective)
        ].iloc[-1]
        scale = shared_scale(picture.map, picture.maps[-1])
        kept = bool(row["success"])
        told = (
            f"top-k {row['top_k_intersection']:.2f}, rank {row['spearman']:.2f}, "
            f"{row['center_shift']:.0f} px"
        )
        before += [
            Panel(picture.original, caption(row, subject, "before") if kept else ""),
            Panel(picture.map, picture.explainer.replace("_", " "), scale),
        ]
        after += [
            Panel(
                picture.original + np.asarray(picture.change[-1], np.float32),
                caption(row, subject, "after") if kept else "attack failed",
            ),
            Panel(picture.maps[-1], told if kept else "", scale),
        ]
    return before, after
