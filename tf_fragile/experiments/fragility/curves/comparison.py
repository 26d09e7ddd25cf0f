"""Figures of attacks against random noise over the radius: overlap, rank correlation, shift.

Source: Ghorbani et al. 2019, the figure that compares attacks on ImageNet, and in the appendix
those of centre shifts and of CIFAR-10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tf_fragile.experiments.fragility import campaign as campaigns
from tf_fragile.experiments.fragility.campaign import Campaign
from tf_fragile.experiments.fragility.curves.curves import curves, for_people
from tf_fragile.experiments.fragility.curves.orderings import orderings
from tf_fragile.experiments.fragility.output import write_manifest, write_table
from tf_fragile.experiments.fragility.planning import announce
from tf_fragile.experiments.fragility.plots import curves_picture
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.fragility.subject import Subject, choose_correct
from tf_fragile.metrics.similarity import chance_top_k
from tf_fragile.runs.atomic import make_directory

OBJECTIVES = ("top_k", "mass_center")


@dataclass(frozen=True, eq=False)
class Comparison:
    """One such figure.

    Attributes:
      name: of its files.
      title: over the picture.
      metrics: rows of the picture, and the part of the table that it writes.
      paper: published values, if there are any.
    """

    name: str
    title: str
    metrics: tuple[str, ...]
    paper: pd.DataFrame | None = None


def compare(
    figure: Comparison,
    subject: Subject,
    preset: Preset,
    out: Path,
    *,
    seed: int = 0,
    command: tuple[str, ...] = (),
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Makes the figure: NAME.csv, NAME.orderings.csv, NAME.png and NAME.manifest.json in `out`.

    The records lie in `out`/runs, one run directory a method. Figures that differ only in name
    and metrics share them: what one has computed, the other finds.

    Args:
      figure: which one.
      subject: network and data.
      preset: how much of it.
      out: the output directory.
      seed: of the choice of images and of the random signs.
      command: the command line, for the manifests.
      progress: whether to draw bars.
      say: gets every line meant for people.

    Returns:
      The table, as from `curves.curves`.

    Raises:
      InputError: anything that is wrong with the settings, or `out` holds other runs.
    """
    make_directory(out)
    largest = max(preset.of(method).num_images for method in preset.methods)
    selection = choose_correct(subject, largest, seed=seed)
    campaign = Campaign(
        subject=subject,
        preset=preset,
        objectives=OBJECTIVES,
        positions=selection.positions,
        directory=out / "runs",
        seed=seed,
        command=command,
    )
    announce((campaign,), selection, say)
    outcome = campaigns.run(campaign, progress=progress)
    table = curves(outcome.records, figure.paper, metrics=figure.metrics)
    shown = outcome.records[outcome.records["metric"].isin(figure.metrics)]
    claims = orderings(shown, figure.paper)
    write_table(table, out / f"{figure.name}.csv")
    write_table(claims, out / f"{figure.name}.orderings.csv")
    height, width, _ = subject.source.image_shape
    curves_picture(
        table,
        out / f"{figure.name}.png",
        metrics=figure.metrics,
        methods=preset.methods,
        k=preset.k,
        chance=chance_top_k(height * width, preset.k),
        title=figure.title,
    )
    write_manifest(out / f"{figure.name}.manifest.json", campaign, outcome, selection)
    for metric in figure.metrics:
        say(f"\n{for_people(table, metric)}")
    say(f"\n{summary(claims)}\n{out / figure.name}.csv, .png, .orderings.csv, .manifest.json")
    return table


def summary(claims: pd.DataFrame) -> str:
    """How many of the paper's orderings hold, claim by claim."""
    counted = claims.groupby(["claim", "method"], sort=False)["holds"].agg(["sum", "count"])
    lines = [
        f"  {int(row['sum'])} of {int(row['count'])}: {claim} ({method})"
        for (claim, method), row in counted.iterrows()
    ]
    return "\n".join(["orderings of the paper that hold, radius by radius:", *lines])
