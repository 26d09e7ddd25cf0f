"""The targeted attack: the map is drawn into a region that has nothing to do with the label.

Source: Ghorbani et al. 2019, the figure of the targeted attack: a trailer truck, and a cloud
above it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility import campaign as campaigns
from tf_fragile.experiments.fragility.campaign import Campaign
from tf_fragile.experiments.fragility.images.panels import caption, per_image, pictures
from tf_fragile.experiments.fragility.images.regions import Mask, box, from_picture, superpixel
from tf_fragile.experiments.fragility.output import write_manifest, write_table
from tf_fragile.experiments.fragility.planning import announce
from tf_fragile.experiments.fragility.plots import Panel, grid_picture, shared_scale
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.fragility.subject import Selection, Subject
from tf_fragile.explainers.catalog import explain
from tf_fragile.metrics.maps import normalise, reduce
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.runs.atomic import make_directory

OBJECTIVE = "target_region"
CLASS = "trailer_truck"


def targeted(
    subject: Subject,
    preset: Preset,
    out: Path,
    *,
    sample: int | None = None,
    region: tuple[int, ...] = (),
    mask: str | None = None,
    seed: int = 0,
    command: tuple[str, ...] = (),
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Makes targeted.csv, .png and .manifest.json in `out`.

    Args:
      subject: network and data.
      preset: how much work; its largest radius is shown.
      out: the output directory.
      sample: position of the image; otherwise the first one of class `CLASS`. The network's own
        label is kept and explained, whether it is right or not.
      region: x0, y0, x1, y1 in pixels.
      mask: a picture whose bright pixels are the region; otherwise a superpixel, see
        `regions.superpixel`.
      seed: of the random signs.
      command: the command line, for the manifests.
      progress: whether to draw bars.
      say: gets every line meant for people.

    Returns:
      One row a method and radius: the region's share of the area, and of the map's mass clean,
      under random signs, and after the attack.

    Raises:
      InputError: anything that is wrong with the settings, or `out` holds other runs.
    """
    make_directory(out)
    position = first_of_class(subject, CLASS) if sample is None else sample
    chosen, how = _region(subject, preset, position, region, mask)
    campaign = Campaign(
        subject=subject,
        preset=preset,
        objectives=(OBJECTIVE,),
        positions=(position,),
        directory=out / "runs",
        seed=seed,
        command=command,
        gallery=1,
        only_correct=False,
        objective_settings={"mask": chosen},
        notes={"region": how, "region_sha256": hashlib.sha256(chosen.tobytes()).hexdigest()},
    )
    announce((campaign,), None, say)
    outcome = campaigns.run(campaign, progress=progress)
    table = region_shares(campaign, outcome.records, chosen)
    _draw(campaign, per_image(outcome.records), table, chosen, out / "targeted.png")
    write_table(table, out / "targeted.csv")
    facts = {"region": how, "sample": position}
    picked = Selection((position,), 1, 0)
    write_manifest(out / "targeted.manifest.json", campaign, outcome, picked, facts)
    say(f"image {position}: {_told(subject, table)}; region: {how}")
    say(f"\n{table.to_string(index=False, float_format='%.3f')}")
    for row in table.to_dict("records"):
        doubled = row["attacked"] >= 2 * row["clean"] and row["attacked"] > row["area"]
        say(
            f"  {row['method']}, ε = {row['epsilon']:g}: the region's share "
            f"{'at least doubles and exceeds' if doubled else 'does not both double and exceed'} "
            "its share of the area"
        )
    say(f"\n{out / 'targeted'}.csv, .png, .manifest.json")
    return table


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
