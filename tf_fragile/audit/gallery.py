"""From stored pictures and records to the examples of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tf_fragile.audit.bands import drawn
from tf_fragile.audit.pictures import Example, View
from tf_fragile.audit.samples import class_name, label_name
from tf_fragile.data.source import Source
from tf_fragile.probes.fragility.pictures import Arrays, Picture, deviations, from_arrays
from tf_fragile.probes.fragility.shown import Place
from tf_fragile.probes.fragility.summary import without_extras

SHOWN = ("top_k_intersection", "spearman", "center_shift", "ssim", "linf")


def examples(
    arrays: Arrays,
    records: pd.DataFrame,
    source: Source,
    places: Sequence[Place],
    *,
    bands: tuple[int, ...] | None = None,
) -> list[Example]:
    """One example a shown image, explainer and attack.

    Args:
      arrays: the pictures, at least of the images shown.
      records: the records of the run.
      source: where the images came from; names them and their classes.
      places: of the images shown, in their order.
      bands: of `bands.drawn`.
    """
    values = _by_picture(records)
    labels = dict(zip(records["sample"], records["label"], strict=True))
    order = {place.sample: number for number, place in enumerate(places)}
    pictures = [picture for picture in from_arrays(arrays) if picture.sample in order]
    pictures.sort(key=lambda picture: order[picture.sample])
    apart = deviations(arrays)
    return [
        replace(
            _example(of_bands(picture, bands), values, source.class_names),
            file=source.name_of(picture.sample),
            true_label=label_name(int(labels[picture.sample]), source.class_names),
            place=_place(places[order[picture.sample]], apart.get(picture.sample, 0.0)),
            grey_level=source.preprocessing.grey_level,
        )
        for picture in pictures
    ]


def of_bands(picture: Picture, bands: tuple[int, ...] | None) -> Picture:
    """A stored picture of any number of channels as it is drawn."""
    return replace(
        picture, original=drawn(picture.original, bands), change=drawn(picture.change, bands)
    )


def _place(place: Place, apart: float) -> str:
    if not apart:
        return place.text
    return (
        f"{place.text}; the pictures come from a second attack, whose overlaps differ by up to "
        f"{apart:.2g} from the numbers"
    )


Values = Mapping[tuple[int, str, str, float], Mapping[str, float]]


def _by_picture(records: pd.DataFrame) -> dict[tuple[int, str, str, float], dict[str, float]]:
    table: dict[tuple[int, str, str, float], dict[str, float]] = {}
    columns = ["sample", "explainer", "attack", "epsilon", "metric", "value", "predicted"]
    proper = without_extras(records)
    for row in proper[proper["attack"] != ""][columns].itertuples(index=False):
        values = table.setdefault((row.sample, row.explainer, row.attack, row.epsilon), {})
        values[row.metric] = row.value
        values["predicted"] = row.predicted
    return table


def _example(picture: Picture, values: Values, class_names: Sequence[str] | None) -> Example:
    keys = [key for key in values if key[:3] == (picture.sample, picture.explainer, picture.attack)]
    views = tuple(
        _view(key[3], picture, level, values[key], class_names)
        for level, key in enumerate(sorted(keys, key=lambda key: key[3]))
    )
    return Example(
        sample=picture.sample,
        label=views[0].predicted,
        explainer=picture.explainer,
        attack=picture.attack,
        original=picture.original,
        map=picture.map,
        views=views,
    )


def _view(
    epsilon: float,
    picture: Picture,
    level: int,
    values: Mapping[str, float],
    class_names: Sequence[str] | None,
) -> View:
    return View(
        epsilon=epsilon,
        success=values["success"] > 0,
        perturbed=picture.original + picture.change[level],
        map=picture.maps[level],
        predicted=class_name(int(values["predicted"]), class_names),
        confidence_before=values["confidence_before"],
        confidence_after=values["confidence_after"],
        metrics={name: values[name] for name in SHOWN if np.isfinite(values.get(name, np.nan))},
    )
