"""The budget curve: damage against cost for every optimiser, as table, page and picture."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tf_fragile.experiments.fragility.contests.contest import Contest, runs, table
from tf_fragile.experiments.fragility.contests.entries import SUBJECTS, Wanted
from tf_fragile.experiments.fragility.contests.presets import contest as contest_of
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.drawing import BLUE, GREEN, GREY, VERMILION, new_figure, save
from tf_fragile.experiments.frame.job import Drawn, Found, Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import Subject, choose_correct, facts, opened, said

_STYLES = {
    "random_sign": ("random sign", GREY, "s"),
    "sign": ("sign (the paper)", BLUE, "o"),
    "annealed_momentum": ("annealed momentum", VERMILION, "^"),
    "secant": ("secant", GREEN, "v"),
}

_LINEAR = 0.001  # overlaps below it are drawn to scale, those above by their logarithm


def prepare(asked: Asked, place: Place) -> Job:
    """The contest that the flags ask for; opens network and data."""
    wanted: Wanted = asked.settings
    made = contest_of(
        wanted.data, wanted.preset, wanted.methods, wanted.num_images, wanted.sign_steps,
        wanted.epsilon, wanted.sign_surrogate,
    )  # fmt: skip
    options = {} if wanted.width is None else {"width": wanted.width}
    network = replace(asked, model=SUBJECTS[wanted.data])
    return budget_curve(made, opened(network, **options), place)


def budget_curve(contest: Contest, subject: Subject, place: Place) -> Job:
    """The figure: a table, see `contest.table`, as .csv and .md, and a picture.

    Args:
      contest: its settings.
      subject: network and data.
      place: where it goes; run directories go there too, and are taken up again.
    """
    most = max(entry.num_images for entry in contest.entries.values())
    chosen = choose_correct(subject, most, seed=place.seed)
    return Job(
        "budget_curve",
        partial(_draw, contest, subject),
        runs(contest, subject, chosen.positions, place.out, place.seed),
        notes=(said(chosen),),
        facts=facts(subject, chosen),
        rows=contest.rows,
    )


def _draw(contest: Contest, subject: Subject, found: Found) -> Drawn:
    lines = table(contest, subject, found.together)
    height, width = subject.source.image_shape[:2]
    drawn = partial(
        picture,
        lines,
        contest,
        title=f"{subject.name}, ε = {contest.epsilon:g}; dotted: chance",
        chance=contest.k / (height * width),
    )
    text = page(lines, contest)
    return Drawn({".csv": lines}, {".png": drawn}, {".md": text}, told=text)


def page(lines: pd.DataFrame, contest: Contest) -> str:
    """The table as Markdown, a section a method."""
    parts = []
    for method, own in lines.groupby("method", sort=False):
        entry = contest.entries[str(method)]
        settings = ", ".join(f"{name}={value}" for name, value in entry.settings.items())
        parts += [
            f"### {method}{f' ({settings})' if settings else ''}",
            "",
            f"Surrogate of `sign`: {entry.surrogate}; of `annealed_momentum`: "
            f"{entry.annealed_surrogate}.",
            "",
            "| attack | steps | derivatives | gradients | maps | forward passes | "
            f"top-{contest.k} overlap left | n (failed) | "
            f"difference from `sign` {entry.sign_steps} | p |",
            "|---" * 10 + "|",
        ]
        for row in own.to_dict("records"):
            mean = f"{row['mean']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
            apart = (
                f"{row['difference']:+.4f} "
                f"[{row['difference_low']:+.4f}, {row['difference_high']:+.4f}]"
            )
            itself = (row["attack"], row["steps"]) == ("sign", entry.sign_steps)
            parts.append(
                f"| {row['attack']} | {row['steps']} | {row['derivatives']:.0f} | "
                f"{row['model_gradients']:.1f} | {row['maps']:.0f} | {row['forwards']:,.0f} | "
                f"{mean} | {row['n']} ({row['n_failed']}) | "
                f"{'' if itself else apart} | {'' if itself else format(row['p_value'], '.1e')} |"
            )
        parts.append("")
    return "\n".join(parts)


def picture(
    lines: pd.DataFrame, contest: Contest, path: Path, *, title: str, chance: float
) -> None:
    """Overlap left against forward passes, a panel a method, a line an optimiser."""
    methods = list(lines["method"].unique())
    columns = min(4, len(methods))
    rows = -(-len(methods) // columns)
    figure = new_figure(0.6 + 3.4 * columns, 1.0 + 2.8 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for place, ax in enumerate(axes.flat):
        if place >= len(methods):
            ax.axis("off")
            continue
        own = lines[lines["method"] == methods[place]]
        for attack, (name, colour, marker) in _STYLES.items():
            line = own[own["attack"] == attack].sort_values("forwards")
            if line.empty:
                continue
            errors = np.abs(line[["low", "high"]].to_numpy() - line[["mean"]].to_numpy()).T
            ax.errorbar(
                line["forwards"], line["mean"], yerr=errors, color=colour, marker=marker, ms=4,
                lw=1.4, capsize=2, label=name,
            )  # fmt: skip
        ax.axhline(chance, color=GREY, lw=0.8, ls=":")
        ax.set_xscale("log")
        ax.set_yscale("symlog", linthresh=_LINEAR, linscale=0.5)
        ax.set_ylim(0, 1)
        ax.set_yticks([0, 0.001, 0.01, 0.1, 1], ["0", "0.001", "0.01", "0.1", "1"])
        ax.set_title(f"{methods[place].replace('_', ' ')} (n = {own['n'].max()})", fontsize=10)
        ax.grid(alpha=0.25)
        if place % columns == 0:
            ax.set_ylabel(f"top-{contest.k} overlap left")
        if place >= len(methods) - columns:
            ax.set_xlabel("forward passes an image")
    handles = {h.get_label(): h for ax in axes.flat for h in ax.get_legend_handles_labels()[0]}
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, 2 * columns),
        frameon=False, fontsize=9,
    )  # fmt: skip
    figure.suptitle(title, fontsize=11)
    save(figure, path)
