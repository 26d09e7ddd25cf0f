"""From a campaign's stored pictures and records to the panels of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from tf_fragile.experiments.fragility.campaign import Campaign
from tf_fragile.experiments.fragility.plots import Panel, shared_scale
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.probes.fragility.pictures import Picture, from_arrays
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.runs.gallery import read_gallery

FAILED = "attack failed"
_KEY = ["sample", "label", "predicted", "explainer", "attack", "epsilon"]


def per_image(records: pd.DataFrame) -> pd.DataFrame:
    """Records of attacks with their metrics as columns, one row an image, method and attack."""
    attacked = records[(records["attack"] != "") & (records["variant"] == "")]
    return attacked.pivot(index=_KEY, columns="metric", values="value").reset_index()


def result_of(table: pd.DataFrame, picture: Picture) -> pd.Series:
    """The row of `per_image` that belongs to a picture, at the largest radius."""
    found = table[
        (table["sample"] == picture.sample)
        & (table["explainer"] == picture.explainer)
        & (table["attack"] == picture.attack)
    ]
    return found.sort_values("epsilon").iloc[-1]


def pictures(campaign: Campaign, attack: str) -> dict[tuple[int, str], Picture]:
    """The stored pictures of one attack by image and method."""
    galleries: Iterable[Picture] = (
        picture
        for method in campaign.preset.methods
        for picture in from_arrays(read_gallery(campaign.place(method), FragilityProbe.name))
    )
    return {(p.sample, p.explainer): p for p in galleries if p.attack == attack}


def caption(row: pd.Series, subject: Subject, when: str, label: int | None = None) -> str:
    """Label and confidence, `when` being `"before"` or `"after"`, for a picture's title."""
    name = subject.class_name(int(row["predicted"]) if label is None else label)
    return f"{name}, {100 * row[f'confidence_{when}']:.1f} %"


def clean_panels(
    of_image: Sequence[Picture], table: pd.DataFrame, subject: Subject, scale: float
) -> tuple[Panel, Panel]:
    """The clean image, titled with its label, and its map, titled with the method.

    Args:
      of_image: pictures of one image and method under one or more attacks.
      table: as from `per_image`.
      subject: network and data.
      scale: the largest value shown of the map.
    """
    results = [result_of(table, picture) for picture in of_image]
    # A failed attack has no confidences, not even the clean one.
    kept = [row for row in results if row["success"]]
    label = subject.class_name(int(results[0]["predicted"]))
    told = caption(kept[0], subject, "before") if kept else label
    name = of_image[0].explainer.replace("_", " ")
    return Panel(of_image[0].original, told), Panel(of_image[0].map, name, scale)


def attacked_panels(
    picture: Picture, table: pd.DataFrame, subject: Subject, scale: float, name: str = ""
) -> tuple[Panel, Panel]:
    """The perturbed image and its map at the largest radius, with label and metrics.

    Args:
      picture: of one attack.
      table: as from `per_image`.
      subject: network and data.
      scale: the largest value shown of the map.
      name: the attack's, a line of its own over the image; left out where empty.
    """
    row = result_of(table, picture)
    above = f"{name}\n" if name else ""
    image = picture.original + np.asarray(picture.change[-1], np.float32)
    if not row["success"]:
        return Panel(image, above + FAILED), Panel(picture.maps[-1], "", scale)
    told = (
        f"top-k {row['top_k_intersection']:.2f}, rank {row['spearman']:.2f}, "
        f"{row['center_shift']:.0f} px"
    )
    title = above + caption(row, subject, "after")
    return Panel(image, title), Panel(picture.maps[-1], told, scale)


def image_row(
    of_image: Sequence[Picture], names: Mapping[str, str], table: pd.DataFrame, subject: Subject
) -> list[Panel]:
    """Clean image and map, then both under each attack, on one scale.

    Args:
      of_image: pictures of one image and method, one an attack.
      names: of the attacks, for people.
      table: as from `per_image`.
      subject: network and data.
    """
    scale = shared_scale(of_image[0].map, *(picture.maps[-1] for picture in of_image))
    panels = [*clean_panels(of_image, table, subject, scale)]
    for picture in of_image:
        panels += attacked_panels(picture, table, subject, scale, names[picture.attack])
    return panels


def short(table: pd.DataFrame) -> str:
    """The columns of `panels.per_image` that people look at."""
    columns = [
        "sample", "explainer", "attack", "epsilon", "success", "top_k_intersection", "spearman",
        "center_shift", "lens_recall", "lens_precision", "ssim", "confidence_before",
        "confidence_after",
    ]  # fmt: skip
    shown = [column for column in columns if column in table]
    text: str = table[shown].to_string(index=False, float_format="%.3g")
    return text
