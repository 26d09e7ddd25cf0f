"""The ranking of explainers as a table, a manifest and a picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.artist import Artist
from matplotlib.patches import Patch

from tf_fragile.experiments.fragility.ranking.presets import Ranking
from tf_fragile.experiments.fragility.ranking.ranking import Contestants, is_there, runs, table
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.drawing import GREY, VERMILION, new_figure, save
from tf_fragile.experiments.frame.job import Drawn, Found, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import Subject, choose_correct, facts, opened, said
from tf_fragile.metrics.similarity import chance_top_k, check_k

NAME = "explainer_ranking"
_STUCK = "////"


def prepare(asked: Asked, place: Place) -> Job:
    """The ranking that the flags ask for; opens network and data."""
    return explainer_ranking(asked.settings, opened(asked), place)


def explainer_ranking(ranking: Ranking, subject: Subject, place: Place) -> Job:
    """The figure: a table, see `ranking.table`, and a picture.

    Args:
      ranking: its settings.
      subject: network and data.
      place: where it goes; run directories go there too, and are taken up again.

    Raises:
      InputError: anything that is wrong with the settings.
    """
    height, width, _ = subject.source.image_shape
    # Before anything is written, or the directory would hold a run that can't go on.
    check_k(tf.TensorShape([None, height, width]), ranking.k)
    selection = choose_correct(subject, ranking.num_images, seed=place.seed)
    contestants = Contestants(ranking, subject, place.seed)
    directory = place.out / "runs"
    return Job(
        NAME,
        partial(_draw, ranking, subject),
        runs(contestants, selection.positions, directory),
        lines=describe(contestants, selection.positions, directory),
        notes=(said(selection),),
        facts=facts(subject, selection),
        rows=ranking.rows,
    )


def describe(
    contestants: Contestants, positions: tuple[int, ...], directory: Path
) -> tuple[str, ...]:
    """What is to be computed, in words; a line for each explainer would be too many."""
    ranking = contestants.ranking
    everything = ranking.explainers()
    there = sum(is_there(directory / name, positions, ranking.shard_size) for name in everything)
    return (
        f"  {len(everything)} explainers, {there} of them already there, x {ranking.num_images} "
        f"images x {ranking.steps} steps at ε = {ranking.epsilon:g}",
    )


def _draw(ranking: Ranking, subject: Subject, found: Found) -> Drawn:
    ranked = table(ranking, found)
    height, width, _ = subject.source.image_shape
    drawn = partial(
        picture,
        ranked,
        k=ranking.k,
        chance=chance_top_k(height * width, ranking.k),
        title=f"{subject.name}, ε = {ranking.epsilon:g}, n = {ranking.num_images}",
    )
    shown = ["explainer", "settings", "attacked", "random", "n", "n_failed", "stuck", "forwards"]
    told = ranked[shown].to_string(index=False, float_format="%.3g")
    return Drawn(
        {".csv": ranked}, {".png": drawn}, told=told, facts={"refused": dict(found.refused)}
    )


def picture(found: pd.DataFrame, path: Path, *, k: int, chance: float, title: str) -> None:
    """Two bars an explainer, the overlap left by random signs and by the attack.

    Args:
      found: as from `ranking.table`.
      path: the PNG to write.
      k: of the overlap.
      chance: overlap of two unrelated maps, drawn as a dotted line.
      title: over everything.
    """
    ran = found[found["refused"] == ""]
    places = np.arange(len(ran))
    figure = new_figure(8.0, 1.4 + 0.34 * len(ran))
    ax = figure.subplots()
    handles: list[Artist] = []
    for column, name, colour, offset in (
        ("random", "random sign", GREY, -0.2),
        ("attacked", "annealed momentum", VERMILION, 0.2),
    ):
        mean = ran[column].to_numpy()
        errors = np.abs(ran[[f"{column}_low", f"{column}_high"]].to_numpy().T - mean)
        ax.barh(
            places + offset, mean, 0.38, xerr=errors, color=colour,
            error_kw={"lw": 0.8, "capsize": 1.5},
        )  # fmt: skip
        handles.append(Patch(color=colour, label=name))
    stuck = ran["stuck"].to_numpy() > 0
    if stuck.any():
        ax.barh(
            places[stuck] + 0.2, np.nan_to_num(ran["attacked"].to_numpy()[stuck], nan=1.0), 0.38,
            fill=False, hatch=_STUCK, lw=0,
        )  # fmt: skip
        told = "derivative zero on some images: says nothing"
        handles.append(Patch(fill=False, hatch=_STUCK, lw=0, label=told))
    handles.append(ax.axvline(chance, color="black", lw=0.8, ls=":", label="chance"))
    ax.set_yticks(places, [_label(row) for row in ran.to_dict("records")], fontsize=8)
    ax.invert_yaxis()
    ax.set_ylim(len(ran) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.set_xlabel(f"top-{k} overlap left, mean over images with 95 % interval")
    ax.set_title(title, fontsize=11)
    ax.grid(alpha=0.25, axis="x")
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8
    )
    save(figure, path)


def _label(row: dict[str, Any]) -> str:
    settings = f" ({row['settings'].split(',')[0]})" if row["settings"] else ""
    failed = f", {row['n_failed']} failed" if row["n_failed"] else ""
    return f"{row['explainer']}{settings}{failed}"
