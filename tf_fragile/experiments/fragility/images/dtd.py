"""Deep Taylor decomposition of images before and after attacks (Ghorbani et al. 2019, appendix)."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility import campaign as campaigns
from tf_fragile.experiments.fragility.campaign import Campaign
from tf_fragile.experiments.fragility.images.gallery import OBJECTIVES
from tf_fragile.experiments.fragility.images.panels import image_row, per_image, pictures, short
from tf_fragile.experiments.fragility.images.request import Request, Shown, write
from tf_fragile.experiments.fragility.planning import announce
from tf_fragile.experiments.fragility.plots import Panel, grid_picture
from tf_fragile.runs.atomic import make_directory


def dtd_examples(request: Request) -> pd.DataFrame:
    """Makes dtd_examples.csv, .png and .manifest.json.

    Each attack has as many images of its own as the preset says, as in the paper: the left half
    of the picture are those of the top-k attack, the right half those of the center attack.

    Returns:
      One row an image and attack, with the metrics as columns.

    Raises:
      InputError: anything that is wrong with the settings, or the output holds other runs.
    """
    if len(request.preset.methods) != 1:
        raise InputError("This figure shows one method; give one with --methods.")
    make_directory(request.out)
    (method,), each = request.preset.methods, request.num_images
    selection = request.select(len(OBJECTIVES) * each)
    both = [
        request.campaign(
            (objective,),
            selection.positions[i * each : (i + 1) * each],
            request.out / "runs" / objective,
        )
        for i, objective in enumerate(OBJECTIVES)
    ]
    announce(both, selection, request.say)
    outcomes = [campaigns.run(campaign, progress=request.progress) for campaign in both]
    table = pd.concat([per_image(outcome.records) for outcome in outcomes], ignore_index=True)
    left, right = (_half(campaign, table) for campaign in both)
    grid_picture(
        [[*one, *other] for one, other in zip(left, right, strict=True)],
        request.out / "dtd_examples.png",
        title=f"{method.replace('_', ' ')}, ε = {request.preset.epsilon[-1]:g}; "
        "one colour scale a pair",
        row_names=[""] * each,
    )
    joined = replace(
        outcomes[0],
        manifests={
            f"{method}, {objective}": outcome.manifests[method]
            for objective, outcome in zip(OBJECTIVES, outcomes, strict=True)
        },
    )
    write(request, Shown(both[0], selection, joined, table), "dtd_examples", short(table))
    return table


def _half(campaign: Campaign, table: pd.DataFrame) -> list[list[Panel]]:
    """The panels of one attack, a row an image."""
    (method,), (objective,) = campaign.preset.methods, campaign.objectives
    found = pictures(campaign, objective)
    return [
        image_row([found[sample, method]], OBJECTIVES, table, campaign.subject)
        for sample in campaign.positions
    ]
