"""The same image under several attacks, with every metric beside the map it is about.

Source: Ghorbani et al. 2019, the appendix on objective and subjective change: overlap and rank
correlation may fall while a map looks the same to people.
"""

from __future__ import annotations

from functools import partial

import pandas as pd

from tf_fragile.experiments.fragility.images.panels import clean_panels, pictures, result_of, short
from tf_fragile.experiments.fragility.images.request import Request, Shown, job_of, request_of
from tf_fragile.experiments.fragility.plots import Panel, grid_picture, shared_scale
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Drawn, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.probes.fragility.pictures import Picture

ATTACKS = {
    RANDOM: "random sign",
    "top_k": "top-k attack",
    "mass_center": "center attack",
    "distance": "distance attack",
}
SHOWN = (
    "top_k_intersection", "spearman", "center_shift", "ssim", "lens_recall", "lens_precision",
)  # fmt: skip
# Most of the top pixels gone, yet the centre of mass within this share of the picture's side.
CHANGED, STILL = 0.5, 0.05


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for; opens network and data."""
    return objective_vs_subjective(request_of(asked, place, asked.more))


def objective_vs_subjective(request: Request) -> Job:
    """The figure: one row an image, method and attack, the metrics as columns; one picture.

    A row of the picture is an image and a method: the image, its map, and its map under random
    signs and under each attack at the largest radius, with overlap, rank correlation, centre
    shift, SSIM and 3-LENS (recall and precision) above it.

    Raises:
      InputError: anything that is wrong with the settings.
    """
    attacks = tuple(attack for attack in ATTACKS if attack != RANDOM)
    return job_of("objective_vs_subjective", request, attacks, _draw)


def _draw(shown: Shown) -> Drawn:
    campaign = shown.campaign
    found = [pictures(campaign, attack) for attack in ATTACKS]
    rows = [
        [attacked[sample, method] for attacked in found]
        for sample in campaign.positions
        for method in campaign.preset.methods
        if all((sample, method) in attacked for attacked in found)
    ]
    picture = partial(
        grid_picture,
        [_row(of_map, shown.table, campaign.subject) for of_map in rows],
        title="What the metrics say and what the maps look like, "
        f"ε = {campaign.preset.epsilon[-1]:g}; LENS: recall / precision; one colour scale a row",
        row_names=[""] * len(rows),
    )
    means = told(shown.table, max(campaign.subject.source.image_shape[:2]))
    return Drawn({".csv": shown.table}, {".png": picture}, told=f"{short(shown.table)}\n\n{means}")


def told(table: pd.DataFrame, side: int) -> str:
    """Every metric's mean by attack, and how many maps are changed to one metric but not another.

    Args:
      table: as from `panels.per_image`.
      side: of the maps, in pixels.
    """
    kept = table[table["success"] == 1]
    means = kept.groupby("attack", sort=False)[list(SHOWN)].mean()
    changed = kept[kept["top_k_intersection"] < CHANGED]
    still = changed[changed["center_shift"] < STILL * side]
    return (
        f"means over images and methods:\n{means.to_string(float_format='%.3g')}\n"
        f"{len(changed)} of {len(kept)} maps keep less than half of their top pixels; in "
        f"{len(still)} of these, the centre of mass stays within {STILL:.0%} of the side"
    )


def _row(of_map: list[Picture], table: pd.DataFrame, subject: Subject) -> list[Panel]:
    scale = shared_scale(of_map[0].map, *(picture.maps[-1] for picture in of_map))
    panels = [*clean_panels(of_map, table, subject, scale)]
    for picture in of_map:
        title = _title(ATTACKS[picture.attack], result_of(table, picture))
        panels.append(Panel(picture.maps[-1], title, scale))
    return panels


def _title(attack: str, row: pd.Series) -> str:
    if not row["success"]:
        return f"{attack}\nfailed: the label was lost"
    return (
        f"{attack}\ntop-k {row['top_k_intersection']:.2f}, rank {row['spearman']:.2f}\n"
        f"shift {row['center_shift']:.0f} px, SSIM {row['ssim']:.2f}\n"
        f"LENS {row['lens_recall']:.2f} / {row['lens_precision']:.2f}"
    )
