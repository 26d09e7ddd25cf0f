"""Angles between the most fragile direction of a map and the gradient of the prediction.

Source: Ghorbani et al. 2019, the figure on orthogonality, its half on feature importance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tf_fragile.experiments.fragility.drawing import BLUE, GREY, new_figure, save
from tf_fragile.experiments.fragility.geometry.output import Request, files, write_manifest
from tf_fragile.experiments.fragility.geometry.settings import Orthogonality
from tf_fragile.experiments.fragility.output import said, write_table
from tf_fragile.experiments.fragility.subject import Selection, Subject, choose_correct
from tf_fragile.metrics.statistics import bootstrap_mean
from tf_fragile.probes.curvature.hessian import PowerIteration
from tf_fragile.probes.curvature.probe import CurvatureProbe
from tf_fragile.probes.running import run
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.manifest import Manifest
from tf_fragile.surrogates import Softplus, relus

NAME = "orthogonality"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def orthogonality(
    subject: Subject,
    settings: Orthogonality,
    request: Request,
    *,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Makes orthogonality.csv, .summary.csv, .png and .manifest.json.

    Args:
      subject: network and data; ReLUs of the network are replaced by softplus.
      settings: how many images, and when the power iteration ends.
      request: where it goes; the run directory is `out`/run, and is taken up again.
      progress: whether to draw a bar.
      say: gets every line meant for people.

    Returns:
      One row an image, the metrics of `probes.curvature.CurvatureProbe` as columns.

    Raises:
      InputError: too few correctly classified images, or `out` holds another run.
    """
    make_directory(request.out)
    selection = choose_correct(subject, settings.num_images, seed=request.seed)
    say(said(selection))
    records, manifest = _run(subject, selection, settings, request, progress)
    table = per_image(records)
    told = summary(table)
    write_table(table, request.out / f"{NAME}.csv")
    write_table(told, request.out / f"{NAME}.summary.csv")
    _draw(table, subject, settings, request.out / f"{NAME}.png")
    facts = {
        "model": subject.name,
        "data": subject.source.name,
        "images": asdict(selection),
        "run": manifests.settings_hash(manifest),
        "wall_time_s": manifest.wall_time_s,
    }
    write_manifest(NAME, request, settings, facts)
    say(f"\n{told.to_string(index=False, float_format='%.4g')}")
    say(f"\n{files(NAME, request, ('.csv', '.summary.csv', '.png', '.manifest.json'))}")
    return table


def per_image(records: pd.DataFrame) -> pd.DataFrame:
    """Records with their metrics as columns, one row an image."""
    wide = records.pivot(index=["sample", "label", "predicted"], columns="metric", values="value")
    return wide.reset_index().rename_axis(columns=None)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Each metric over images: n that have it, mean with 95 % interval, and `QUANTILES`."""
    rows = []
    for metric in table.columns.drop(["sample", "label", "predicted"]):
        values = table[metric].dropna()
        interval = bootstrap_mean(values)
        rows.append(
            {
                "metric": metric,
                "n": interval.n,
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                **{f"q{100 * q:02.0f}": values.quantile(q) for q in QUANTILES},
            }
        )
    return pd.DataFrame(rows)


def _run(
    subject: Subject,
    selection: Selection,
    settings: Orthogonality,
    request: Request,
    progress: bool,
) -> tuple[pd.DataFrame, Manifest]:
    probe = CurvatureProbe(
        subject.network,
        subject.source,
        Softplus(settings.beta),
        PowerIteration(settings.tolerance, settings.max_iterations),
        request.seed,
    )
    records, manifest = run(
        request.out / "run",
        [probe],
        subject.source,
        selection.positions,
        model=subject.model,
        seed=request.seed,
        settings={"model": subject.name, "data": subject.source.name, **asdict(settings)},
        settings_of={probe.name: {}},
        command=request.command,
        size=settings.rows,
        progress=progress,
    )
    return records[probe.name], manifest


def _draw(table: pd.DataFrame, subject: Subject, settings: Orthogonality, path: Path) -> None:
    figure = new_figure(10.0, 4.2)
    left, right = figure.subplots(1, 2)
    measured, control = table["angle"].dropna(), table["random_angle"]
    _histogram(left, np.linspace(0, 90, 46), measured, control)
    left.set_xticks(range(0, 91, 15))
    left.set_title("angles in [0°, 90°]", fontsize=10)
    lowest = np.floor(min(measured.min(), control.min()))
    _histogram(right, np.linspace(lowest, 90, 41), measured, control)
    right.set_title(f"the same from {lowest:g}°", fontsize=10)
    right.legend(fontsize=8, frameon=False, loc="upper left")
    smooth = f"softplus (β = {settings.beta:g}) for ReLU" if relus(subject.network) else "softplus"
    figure.suptitle(
        f"{subject.name}, {smooth}: most fragile direction against gradient, n = {len(measured)}",
        fontsize=11,
    )
    save(figure, path)


def _histogram(ax: Any, bins: np.ndarray, measured: pd.Series, control: pd.Series) -> None:
    for values, colour, alpha, name in (
        (control, GREY, 0.45, "two random vectors"),
        (measured, BLUE, 0.65, "fragile direction and gradient"),
    ):
        weights = np.full(len(values), 1 / len(values))
        ax.hist(values, bins, weights=weights, color=colour, alpha=alpha, label=name)
    ax.axvline(measured.mean(), color=BLUE, lw=1, ls="--", label=f"mean {measured.mean():.1f}°")
    ax.set(xlabel="angle (degrees)", ylabel="share of images", xlim=(bins[0], bins[-1]))
    ax.grid(alpha=0.25)
