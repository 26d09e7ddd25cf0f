"""Images before and after an attack, with their maps (Ghorbani et al. 2019, Fig. 1)."""

from __future__ import annotations

from functools import partial

import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.images.panels import attacked_panels, clean_panels, pictures
from tf_fragile.experiments.fragility.images.request import Request, Shown, job_of, request_of
from tf_fragile.experiments.fragility.images.wanted import Example
from tf_fragile.experiments.fragility.plots import Panel, grid_picture, shared_scale
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Drawn, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.probes.fragility.pictures import Picture


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for; opens network and data."""
    wanted: Example = asked.more
    return attack_examples(request_of(asked, place, wanted.samples), objective=wanted.objective)


def attack_examples(request: Request, *, objective: str = "mass_center") -> Job:
    """The figure: one row an image, method and attack, the metrics as columns; one picture.

    Raises:
      InputError: anything that is wrong with the settings.
    """
    return job_of("attack_examples", request, (objective,), partial(_draw, objective))


def _draw(objective: str, shown: Shown) -> Drawn:
    campaign = shown.campaign
    preset, found = campaign.preset, pictures(campaign, objective)
    rows, names = [], []
    for sample in campaign.positions:
        of_image = [found[sample, method] for method in preset.methods if (sample, method) in found]
        if of_image:
            rows += [*_rows(of_image, shown.table, campaign.subject)]
            names += ["original", f"ε = {preset.epsilon[-1]:g}"]
    if not rows:
        raise InputError("None of the images can be shown; choose others with --samples.")
    widest = max(map(len, rows))
    picture = partial(
        grid_picture,
        [row for row in rows if len(row) == widest],
        title=f"{objective.replace('_', '-')} attack: picture and map, one colour scale a pair",
        row_names=[name for name, row in zip(names, rows, strict=True) if len(row) == widest],
    )
    text = shown.table.to_string(index=False, float_format="%.3g")
    return Drawn({".csv": shown.table}, {".png": picture}, told=text)


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
