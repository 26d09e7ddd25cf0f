"""Figures of attacks against random noise over the radius: overlap, rank correlation, shift.

Source: Ghorbani et al. 2019, the figure that compares attacks on ImageNet, and in the appendix
those of centre shifts and of CIFAR-10.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd

from tf_fragile.experiments.fragility.campaign import Campaign, runs
from tf_fragile.experiments.fragility.curves.curves import curves, for_people
from tf_fragile.experiments.fragility.curves.orderings import orderings
from tf_fragile.experiments.fragility.plots import curves_picture
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.frame.job import Drawn, Found, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import Subject, choose_correct, facts, said
from tf_fragile.metrics.similarity import chance_top_k

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


def compare(figure: Comparison, subject: Subject, preset: Preset, place: Place) -> Job:
    """The figure NAME: .csv as from `curves.curves`, .orderings.csv and .png.

    The records lie in `out`/runs, one run directory a method. Figures that differ only in name
    and metrics share them: what one has computed, the other finds.

    Args:
      figure: which one.
      subject: network and data.
      preset: how much of it.
      place: where it goes.

    Raises:
      InputError: anything that is wrong with the settings.
    """
    largest = max(preset.of(method).num_images for method in preset.methods)
    selection = choose_correct(subject, largest, seed=place.seed)
    campaign = Campaign(
        subject=subject,
        preset=preset,
        objectives=OBJECTIVES,
        positions=selection.positions,
        directory=place.out / "runs",
        seed=place.seed,
    )
    return Job(
        figure.name,
        partial(_draw, figure, campaign),
        runs(campaign),
        notes=(said(selection),),
        facts=facts(subject, selection),
        rows=preset.rows,
    )


def _draw(figure: Comparison, campaign: Campaign, found: Found) -> Drawn:
    records, preset = found.together, campaign.preset
    table = curves(records, figure.paper, metrics=figure.metrics)
    claims = orderings(records[records["metric"].isin(figure.metrics)], figure.paper)
    height, width, _ = campaign.subject.source.image_shape
    picture = partial(
        curves_picture,
        table,
        metrics=figure.metrics,
        methods=preset.methods,
        k=preset.k,
        chance=chance_top_k(height * width, preset.k),
        title=figure.title,
    )
    told = [*(for_people(table, metric) for metric in figure.metrics), summary(claims)]
    return Drawn(
        {".csv": table, ".orderings.csv": claims}, {".png": picture}, told="\n\n".join(told)
    )


def summary(claims: pd.DataFrame) -> str:
    """How many of the paper's orderings hold, claim by claim."""
    counted = claims.groupby(["claim", "method"], sort=False)["holds"].agg(["sum", "count"])
    lines = [
        f"  {int(row['sum'])} of {int(row['count'])}: {claim} ({method})"
        for (claim, method), row in counted.iterrows()
    ]
    return "\n".join(["orderings of the paper that hold, radius by radius:", *lines])
