"""Images and maps before and after attacks (Ghorbani et al. 2019, appendix), method by method."""

from __future__ import annotations

from functools import partial

from tf_fragile.experiments.fragility.images.panels import image_row, pictures, short
from tf_fragile.experiments.fragility.images.request import Request, Shown, job_of, request_of
from tf_fragile.experiments.fragility.plots import grid_picture
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Drawn, Job
from tf_fragile.experiments.frame.place import Place

OBJECTIVES = {"top_k": "top-k attack", "mass_center": "center attack"}


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for; opens network and data."""
    return attack_gallery(request_of(asked, place, asked.more))


def attack_gallery(request: Request) -> Job:
    """The figure: one row an image, method and attack, and .METHOD.png for each method.

    A row of a picture is an image: clean, under the top-k attack, under the center attack, each
    with its map.

    Raises:
      InputError: anything that is wrong with the settings.
    """
    return job_of("attack_gallery", request, tuple(OBJECTIVES), _draw)


def _draw(shown: Shown) -> Drawn:
    campaign = shown.campaign
    found = [pictures(campaign, objective) for objective in OBJECTIVES]
    drawn = {}
    for method in campaign.preset.methods:
        rows = [
            [attacked[sample, method] for attacked in found]
            for sample in campaign.positions_of(method)
        ]
        drawn[f".{method}.png"] = partial(
            grid_picture,
            [image_row(of_image, OBJECTIVES, shown.table, campaign.subject) for of_image in rows],
            title=f"{method.replace('_', ' ')}, ε = {campaign.preset.epsilon[-1]:g}; "
            "one colour scale a row",
            row_names=[f"image {of_image[0].sample}" for of_image in rows],
        )
    return Drawn({".csv": shown.table}, drawn, told=short(shown.table))
