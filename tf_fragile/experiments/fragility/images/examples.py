"""Images before and after an attack, with their maps (Ghorbani et al. 2019, Fig. 1)."""

from __future__ import annotations

import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.images.panels import attacked_panels, clean_panels, pictures
from tf_fragile.experiments.fragility.images.request import Request, run, write
from tf_fragile.experiments.fragility.plots import Panel, grid_picture, shared_scale
from tf_fragile.experiments.fragility.subject import Subject
from tf_fragile.probes.fragility.pictures import Picture


def attack_examples(request: Request, *, objective: str = "mass_center") -> pd.DataFrame:
    """Makes attack_examples.csv, .png and .manifest.json.

    Returns:
      One row an image, method and attack, with the metrics as columns.

    Raises:
      InputError: anything that is wrong with the settings, or the output holds other runs.
    """
    shown = run(request, (objective,))
    found = pictures(shown.campaign, objective)
    rows, names = [], []
    for sample in shown.selection.positions:
        of_image = [
            found[sample, method] for method in request.preset.methods if (sample, method) in found
        ]
        if of_image:
            rows += [*_rows(of_image, shown.table, request.subject)]
            names += ["original", f"ε = {request.preset.epsilon[-1]:g}"]
    if not rows:
        raise InputError("None of the images can be shown; choose others with --samples.")
    widest = max(map(len, rows))
    grid_picture(
        [row for row in rows if len(row) == widest],
        request.out / "attack_examples.png",
        title=f"{objective.replace('_', '-')} attack: picture and map, one colour scale a pair",
        row_names=[name for name, row in zip(names, rows, strict=True) if len(row) == widest],
    )
    text = shown.table.to_string(index=False, float_format="%.3g")
    write(request, shown, "attack_examples", text)
    return shown.table


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
