"""Deep Taylor decomposition of images before and after attacks (Ghorbani et al. 2019, appendix)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.campaign import Campaign, runs
from tf_fragile.experiments.fragility.images.gallery import OBJECTIVES
from tf_fragile.experiments.fragility.images.panels import image_row, per_image, pictures, short
from tf_fragile.experiments.fragility.images.request import Request, request_of
from tf_fragile.experiments.fragility.plots import Panel, grid_picture
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Drawn, Found, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import facts, said


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for; opens network and data."""
    return dtd_examples(request_of(asked, place))


def dtd_examples(request: Request) -> Job:
    """The figure: one row an image and attack, the metrics as columns; one picture.

    Each attack has as many images of its own as the preset says, as in the paper: the left half
    of the picture are those of the top-k attack, the right half those of the center attack.

    Raises:
      InputError: anything that is wrong with the settings.
    """
    if len(request.preset.methods) != 1:
        raise InputError("This figure shows one method; give one with --methods.")
    each = request.num_images
    selection = request.select(len(OBJECTIVES) * each)
    both = [
        request.campaign(
            (objective,), selection.positions[i * each : (i + 1) * each], f"runs/{objective}"
        )
        for i, objective in enumerate(OBJECTIVES)
    ]
    named = [
        replace(run, name=f"{run.name}, {objective}")
        for campaign, objective in zip(both, OBJECTIVES, strict=True)
        for run in runs(campaign)
    ]
    return Job(
        "dtd_examples",
        partial(_draw, both),
        named,
        notes=(said(selection),),
        facts=facts(request.subject, selection),
        rows=request.preset.rows,
    )


def _draw(both: Sequence[Campaign], found: Found) -> Drawn:
    parts = [per_image(records) for records in found.records.values()]
    table = pd.concat(parts, ignore_index=True)
    preset = both[0].preset
    left, right = (_half(campaign, table) for campaign in both)
    picture = partial(
        grid_picture,
        [[*one, *other] for one, other in zip(left, right, strict=True)],
        title=f"{preset.methods[0].replace('_', ' ')}, ε = {preset.epsilon[-1]:g}; "
        "one colour scale a pair",
        row_names=[""] * len(left),
    )
    return Drawn({".csv": table}, {".png": picture}, told=short(table))


def _half(campaign: Campaign, table: pd.DataFrame) -> list[list[Panel]]:
    """The panels of one attack, a row an image."""
    (method,), (objective,) = campaign.preset.methods, campaign.objectives
    found = pictures(campaign, objective)
    return [
        image_row([found[sample, method]], OBJECTIVES, table, campaign.subject)
        for sample in campaign.positions
    ]
