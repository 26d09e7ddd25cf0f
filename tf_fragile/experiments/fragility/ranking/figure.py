"""The ranking of explainers as a table, a manifest and a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.artist import Artist
from matplotlib.patches import Patch

from tf_fragile.attacks.cost import BUILD
from tf_fragile.experiments.fragility.drawing import GREY, VERMILION, new_figure, save
from tf_fragile.experiments.fragility.output import said, write_figure_manifest, write_table
from tf_fragile.experiments.fragility.planning import seconds_per_forward, spoken
from tf_fragile.experiments.fragility.ranking.presets import Ranking
from tf_fragile.experiments.fragility.ranking.ranking import Contestants, is_there, run, table
from tf_fragile.experiments.fragility.subject import Subject, choose_correct
from tf_fragile.metrics.similarity import chance_top_k, check_k
from tf_fragile.runs.atomic import make_directory

NAME = "explainer_ranking"
_STUCK = "////"


def explainer_ranking(
    ranking: Ranking,
    subject: Subject,
    out: Path,
    *,
    seed: int = 0,
    command: tuple[str, ...] = (),
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Makes explainer_ranking.csv, .png and .manifest.json in `out`.

    Args:
      ranking: its settings.
      subject: network and data.
      out: the output directory; run directories go there too, and are taken up again.
      seed: of the choice of images and of everything random.
      command: the command line, for the manifests.
      progress: whether to draw bars.
      say: gets every line meant for people.

    Returns:
      The table, see `ranking.table`.

    Raises:
      InputError: anything that is wrong with the settings, or `out` holds other runs.
    """
    height, width, _ = subject.source.image_shape
    # Before anything is written, or the directory would hold a run that can't go on.
    check_k(tf.TensorShape([None, height, width]), ranking.k)
    make_directory(out)
    selection = choose_correct(subject, ranking.num_images, seed=seed)
    contestants = Contestants(ranking, subject, seed)
    speed = seconds_per_forward(subject, ranking.rows)
    say(describe(contestants, selection.positions, out / "runs", speed))
    say(said(selection))
    ranked = run(
        contestants, selection.positions, out / "runs",
        command=command, progress=progress, say=say,
    )  # fmt: skip
    found = table(ranking, ranked)
    write_table(found, out / f"{NAME}.csv")
    picture(
        found,
        out / f"{NAME}.png",
        k=ranking.k,
        chance=chance_top_k(height * width, ranking.k),
        title=f"{subject.name}, ε = {ranking.epsilon:g}, n = {ranking.num_images}",
    )
    write_figure_manifest(
        out / f"{NAME}.manifest.json",
        subject,
        ranked.outcome,
        selection,
        seed=seed,
        command=command,
        facts={"refused": dict(ranked.refused)},
    )
    shown = ["explainer", "settings", "attacked", "random", "n", "n_failed", "stuck", "forwards"]
    say(f"\n{found[shown].to_string(index=False, float_format='%.3g')}")
    say(f"\n{out / NAME}.csv, .png, .manifest.json")
    return found


def describe(
    contestants: Contestants, positions: tuple[int, ...], directory: Path, speed: float
) -> str:
    """What is to be computed and how long it takes, at `speed` seconds a forward pass."""
    ranking = contestants.ranking
    everything = ranking.explainers()
    missing = [
        name for name in everything if not is_there(directory / name, positions, ranking.shard_size)
    ]
    forwards = sum(contestants.forwards(name) for name in missing)
    attacks = len(ranking.attacks()) * len(missing)
    seconds = forwards * speed + BUILD * attacks
    left = f"roughly {spoken(seconds)} to go here" if missing else "nothing left to compute"
    return (
        f"{contestants.subject.name} on {contestants.subject.source.name}, records in {directory}\n"
        f"  {len(everything)} explainers, {len(everything) - len(missing)} of them already there, "
        f"x {ranking.num_images} images x {ranking.steps} steps at ε = {ranking.epsilon:g}: about "
        f"{forwards:,.0f} forward passes and {attacks} attacks to build, {left}"
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
