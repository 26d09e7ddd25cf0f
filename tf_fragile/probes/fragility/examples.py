"""What is shown of an attacked image, from stored pictures and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tf_fragile.data.bands import drawn
from tf_fragile.data.called import class_name, label_name
from tf_fragile.probes.contract import About
from tf_fragile.probes.fragility.pictures import Arrays, Picture, deviations, from_arrays
from tf_fragile.probes.fragility.shown import Place
from tf_fragile.probes.fragility.summary import without_extras

Array = NDArray[np.generic]
SHOWN = ("top_k_intersection", "spearman", "center_shift", "ssim", "linf")


@dataclass(frozen=True)
class View:
    """One attacked version of an image.

    Attributes:
      epsilon: the perturbation radius, in input units.
      success: whether the attack found a perturbation that keeps the label. Where it did not,
        the pictures below are not shown.
      perturbed: `[H, W, C]` float, in pixel units 0 to 255.
      map: `[H, W]` float, the explanation of the perturbed image.
      predicted: name of the class predicted for the perturbed image.
      confidence_before: of the explained class, on the original image, 0 to 1.
      confidence_after: of the same class, on the perturbed image.
      metrics: metric name to value.
    """

    epsilon: float
    success: bool
    perturbed: Array
    map: Array
    predicted: str
    confidence_before: float
    confidence_after: float
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """One image under one explainer and one attack.

    Attributes:
      sample: the image's position in the data.
      label: name of the class that is explained, the predicted one.
      explainer: name of the explainer.
      attack: name of the attack.
      original: `[H, W, 3]` or `[H, W, 1]`, uint8, or float in the same units 0 to 255 where
        the model saw values between grey levels: the difference is taken from it.
      map: `[H, W]` float, the explanation of the original image.
      views: one an epsilon.
      grey_level: size of one grey level in the units of epsilon; 1 where epsilon is in pixels.
      file: what the image is called; not said where empty.
      true_label: name of its true class, in words where there is none; not said where empty.
      place: why it is shown, a clause; not said where empty.
    """

    sample: int
    label: str
    explainer: str
    attack: str
    original: Array
    map: Array
    views: tuple[View, ...]
    grey_level: float = 1.0
    file: str = ""
    true_label: str = ""
    place: str = ""


def examples(
    arrays: Arrays,
    records: pd.DataFrame,
    about: About,
    places: Sequence[Place],
) -> list[Example]:
    """One example a shown image, explainer and attack.

    Args:
      arrays: the pictures, at least of the images shown.
      records: the records of the run.
      about: names images and their classes.
      places: of the images shown, in their order.
    """
    values = _by_picture(records)
    labels = dict(zip(records["sample"], records["label"], strict=True))
    order = {place.sample: number for number, place in enumerate(places)}
    pictures = [picture for picture in from_arrays(arrays) if picture.sample in order]
    pictures.sort(key=lambda picture: order[picture.sample])
    apart = deviations(arrays)
    return [
        replace(
            _example(of_bands(picture, about.bands), values, about.class_names),
            file=about.name_of(picture.sample),
            true_label=label_name(int(labels[picture.sample]), about.class_names),
            place=_place(places[order[picture.sample]], apart.get(picture.sample, 0.0)),
            grey_level=about.grey_level,
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
