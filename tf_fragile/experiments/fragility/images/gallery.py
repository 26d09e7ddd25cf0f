"""Images and maps before and after attacks (Ghorbani et al. 2019, appendix), method by method."""

from __future__ import annotations

import pandas as pd

from tf_fragile.experiments.fragility.images.panels import image_row, pictures, short
from tf_fragile.experiments.fragility.images.request import Request, run, write
from tf_fragile.experiments.fragility.plots import grid_picture

OBJECTIVES = {"top_k": "top-k attack", "mass_center": "center attack"}


def attack_gallery(request: Request) -> pd.DataFrame:
    """Makes attack_gallery.csv, .METHOD.png for each method, and .manifest.json.

    A row of a picture is an image: clean, under the top-k attack, under the center attack, each
    with its map.

    Returns:
      One row an image, method and attack, with the metrics as columns.

    Raises:
      InputError: anything that is wrong with the settings, or the output holds other runs.
    """
    shown = run(request, tuple(OBJECTIVES))
    found = [pictures(shown.campaign, objective) for objective in OBJECTIVES]
    for method in request.preset.methods:
        rows = [
            [attacked[sample, method] for attacked in found]
            for sample in shown.campaign.positions_of(method)
        ]
        grid_picture(
            [image_row(of_image, OBJECTIVES, shown.table, request.subject) for of_image in rows],
            request.out / f"attack_gallery.{method}.png",
            title=f"{method.replace('_', ' ')}, ε = {request.preset.epsilon[-1]:g}; "
            "one colour scale a row",
            row_names=[f"image {of_image[0].sample}" for of_image in rows],
        )
    write(request, shown, "attack_gallery", short(shown.table), ".METHOD.png")
    return shown.table
