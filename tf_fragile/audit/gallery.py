"""From stored pictures and records to the examples of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tf_fragile.audit.bands import drawn
from tf_fragile.audit.pictures import Example, View
from tf_fragile.probes.pictures import Arrays, Picture, from_arrays

SHOWN = ("top_k_intersection", "spearman", "center_shift", "ssim", "linf")


def examples(
    arrays: Arrays,
    records: pd.DataFrame,
    class_names: Sequence[str] | None,
    *,
    bands: tuple[int, ...] | None = None,
    grey_level: float = 1.0,
) -> list[Example]:
    """One example a stored image, explainer and attack.

    Args:
      arrays: the galleries of all shards.
      records: the records of the run.
      class_names: name of each label; numbers are shown where `None`.
      bands: of `bands.drawn`.
      grey_level: size of one grey level of the pictures in units of epsilon.
    """
    values = _by_picture(records)
    return [
        replace(_example(of_bands(picture, bands), values, class_names), grey_level=grey_level)
        for picture in from_arrays(arrays)
    ]


def of_bands(picture: Picture, bands: tuple[int, ...] | None) -> Picture:
    """A stored picture of any number of channels as it is drawn."""
    return replace(
        picture, original=drawn(picture.original, bands), change=drawn(picture.change, bands)
    )


Values = Mapping[tuple[int, str, str, float], Mapping[str, float]]


def _by_picture(records: pd.DataFrame) -> dict[tuple[int, str, str, float], dict[str, float]]:
    table: dict[tuple[int, str, str, float], dict[str, float]] = {}
    columns = ["sample", "explainer", "attack", "epsilon", "metric", "value", "predicted"]
    for row in records[records["attack"] != ""][columns].itertuples(index=False):
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


def class_name(label: int, class_names: Sequence[str] | None) -> str:
    """The name of a label, or its number where it has none."""
    known = class_names is not None and 0 <= label < len(class_names)
    return class_names[label] if known and class_names is not None else f"class {label}"
