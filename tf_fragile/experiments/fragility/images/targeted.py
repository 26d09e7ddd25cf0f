"""The targeted attack: the map is drawn into a region that has nothing to do with the label.

Source: Ghorbani et al. 2019, the figure of the targeted attack: a trailer truck, and a cloud
above it.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.campaign import Campaign, runs
from tf_fragile.experiments.fragility.images.panels import caption, per_image, pictures
from tf_fragile.experiments.fragility.images.regions import Mask, box, from_picture, superpixel
from tf_fragile.experiments.fragility.images.wanted import Region
from tf_fragile.experiments.fragility.plots import Panel, grid_picture, shared_scale
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Drawn, Found, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import Selection, Subject, facts, opened
from tf_fragile.explainers.catalog import explain
from tf_fragile.metrics.maps import normalise, reduce
from tf_fragile.probes.fragility.names import RANDOM

OBJECTIVE = "target_region"
CLASS = "trailer_truck"


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for; opens network and data."""
    return targeted(opened(asked), asked.settings, place, asked.more)


def targeted(subject: Subject, preset: Preset, place: Place, wanted: Region) -> Job:
    """The figure: one row a method and radius, see `region_shares`; one picture.

    Args:
      subject: network and data.
      preset: how much work; its largest radius is shown.
      place: where it goes.
      wanted: image and region.

    Raises:
      InputError: anything that is wrong with the settings.
    """
    position = first_of_class(subject, CLASS) if wanted.sample is None else wanted.sample
    chosen, how = _region(subject, preset, position, wanted.box, wanted.mask)
    campaign = Campaign(
        subject=subject,
        preset=preset,
        objectives=(OBJECTIVE,),
        positions=(position,),
        directory=place.out / "runs",
        seed=place.seed,
        gallery=1,
        only_correct=False,
        objective_settings={"mask": chosen},
        notes={"region": how, "region_sha256": hashlib.sha256(chosen.tobytes()).hexdigest()},
    )
    own = {"region": how, "sample": position}
    return Job(
        "targeted",
        partial(_drawn, campaign, chosen, how),
        runs(campaign),
        facts=facts(subject, Selection((position,), 1, 0)) | own,
        rows=preset.rows,
    )


def _drawn(campaign: Campaign, region: Mask, how: str, found: Found) -> Drawn:
    records, subject = found.together, campaign.subject
    table = region_shares(campaign, records, region)
    lines = [
        f"image {campaign.positions[0]}: {_told(subject, table)}; region: {how}",
        f"\n{table.to_string(index=False, float_format='%.3f')}",
    ]
    for row in table.to_dict("records"):
        doubled = row["attacked"] >= 2 * row["clean"] and row["attacked"] > row["area"]
        lines.append(
            f"  {row['method']}, ε = {row['epsilon']:g}: the region's share "
            f"{'at least doubles and exceeds' if doubled else 'does not both double and exceed'} "
            "its share of the area"
        )
    picture = partial(_draw, campaign, per_image(records), table, region)
    return Drawn({".csv": table}, {".png": picture}, told="\n".join(lines))


def first_of_class(subject: Subject, name: str) -> int:
    """The position of the first image of a class.

    Raises:
      InputError: if the data have no such class or no image of it.
    """
    names = subject.source.class_names or ()
    if name in names:
        wanted = names.index(name)
        for position in range(len(subject.source)):
            if subject.source.read(position).label == wanted:
                return position
    raise InputError(
        f"{subject.source.name!r} has no image of class {name!r}; choose one with --sample."
    )


def region_shares(campaign: Campaign, records: pd.DataFrame, region: Mask) -> pd.DataFrame:
    """The share of each map that lies in the region, before and after.

    Returns:
      Columns method, epsilon, label, predicted, success, area, clean, random, attacked; NaN
      where the attack, or the random control, lost the label.
    """
    rows = []
    attacked, control = pictures(campaign, OBJECTIVE), pictures(campaign, RANDOM)
    results = per_image(records).set_index(["explainer", "attack", "epsilon"]).sort_index()
    for key, picture in attacked.items():
        method = key[1]
        for level, epsilon in enumerate(campaign.preset.epsilon):
            result = results.loc[method, OBJECTIVE, epsilon]
            kept = bool(result["success"])
            kept_random = bool(results.loc[method, RANDOM, epsilon]["success"])
            rows.append(
                {
                    "method": method,
                    "epsilon": epsilon,
                    "label": int(result["label"]),
                    "predicted": int(result["predicted"]),
                    "success": kept,
                    "area": float(region.mean()),
                    "clean": share(picture.map, region),
                    "random": share(control[key].maps[level], region) if kept_random else np.nan,
                    "attacked": share(picture.maps[level], region) if kept else np.nan,
                }
            )
    return pd.DataFrame(rows)


def share(map_: np.ndarray, region: Mask) -> float:
    """The share of a map's mass that lies in a region; 0 for an empty map."""
    total = float(map_.sum(dtype=np.float64))
    return float(map_[region].sum(dtype=np.float64)) / total if total else 0.0


def _region(
    subject: Subject, preset: Preset, position: int, region: tuple[int, ...], mask: str | None
) -> tuple[Mask, str]:
    """The region and how it was chosen, in words."""
    height, width, _ = subject.source.image_shape
    if region and mask:
        raise InputError("Both --region and --mask were given; give one of them.")
    if region:
        return box(region, (height, width)), f"box {','.join(map(str, region))}"
    if mask:
        return from_picture(mask, (height, width)), f"picture {Path(mask).name}"
    batch = subject.source.load([position])
    maps = [normalise(reduce(explain(m, subject.network)(batch.image)))[0] for m in preset.methods]
    image = subject.source.preprocessing.inverse(batch.image[0])
    return superpixel(image, np.stack(maps)), "superpixel by the rule"


def _told(subject: Subject, table: pd.DataFrame) -> str:
    label, predicted = int(table["label"].iloc[0]), int(table["predicted"].iloc[0])
    kept = f"explained and kept is the label {subject.class_name(predicted)!r}"
    if label < 0 or label == predicted:
        return kept
    return f"{kept}, though the class is {subject.class_name(label)!r}"


def _draw(
    campaign: Campaign, results: pd.DataFrame, table: pd.DataFrame, region: Mask, path: Path
) -> None:
    subject, epsilon = campaign.subject, campaign.preset.epsilon[-1]
    before: list[Panel] = []
    after: list[Panel] = []
    for (_, method), picture in pictures(campaign, OBJECTIVE).items():
        result = results[
            (results["explainer"] == method)
            & (results["attack"] == OBJECTIVE)
            & (results["epsilon"] == epsilon)
        ].iloc[0]
        shares = table[(table["method"] == method) & (table["epsilon"] == epsilon)].iloc[0]
        kept = bool(result["success"])
        scale = shared_scale(picture.map, picture.maps[-1])
        captions = [
            caption(result, subject, when) if kept else told
            for when, told in (("before", ""), ("after", "attack failed"))
        ]
        name = method.replace("_", " ")
        before += [
            Panel(picture.original, captions[0], None, region),
            Panel(picture.map, f"{name}\n{shares['clean']:.1%} in the region", scale, region),
        ]
        after += [
            Panel(picture.original + picture.change[-1], captions[1], None, region),
            Panel(picture.maps[-1], f"{shares['attacked']:.1%} in the region", scale, region),
        ]
    grid_picture(
        [before, after],
        path,
        title=f"Targeted attack; the region has {region.mean():.1%} of the area",
        row_names=["original", f"ε = {epsilon:g}"],
    )
