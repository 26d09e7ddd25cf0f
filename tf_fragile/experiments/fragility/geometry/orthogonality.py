"""Angles between the most fragile direction of a map and the gradient of the prediction.

Source: Ghorbani et al. 2019, the figure on orthogonality, its half on feature importance.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tf_fragile.experiments.fragility.curves.cifar import MODEL, weights_for
from tf_fragile.experiments.fragility.geometry.settings import Orthogonality
from tf_fragile.experiments.fragility.geometry.softplus_net import ACTIVATION, finetuned_weights
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.drawing import BLUE, GREY, new_figure, save
from tf_fragile.experiments.frame.job import Drawn, Found, Job, run_of
from tf_fragile.experiments.frame.means import mean_of
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import (
    Subject,
    choose_correct,
    facts,
    open_subject,
    said,
)
from tf_fragile.probes.curvature.hessian import PowerIteration
from tf_fragile.probes.curvature.probe import CurvatureProbe
from tf_fragile.surrogates import Softplus, relus

NAME = "orthogonality"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for; trains and fine-tunes where needed."""
    given, settings = asked.given, asked.settings
    data_dir, weights, model = given.data_dir, given.weights, asked.model
    options: dict[str, Any] = {}
    if model == MODEL:
        width, steps = asked.more.width, settings.finetune_steps
        relu = Path(weights or _trained(width, data_dir, place))
        weights, options = str(relu), {"width": width}
        if steps:
            weights = str(_finetuned(relu, width, steps, data_dir, place))
            options["activation"] = ACTIVATION
    subject = open_subject(model, weights=weights, data=given.data, data_dir=data_dir, **options)
    return orthogonality(subject, settings, place)


def orthogonality(subject: Subject, settings: Orthogonality, place: Place) -> Job:
    """The figure: one row an image, the metrics of `CurvatureProbe` as columns; .summary.csv, .png.

    Args:
      subject: network and data; ReLUs of the network are replaced by softplus.
      settings: how many images, and when the power iteration ends.
      place: where it goes; the run directory is `out`/run, and is taken up again.

    Raises:
      InputError: too few correctly classified images.
    """
    selection = choose_correct(subject, settings.num_images, seed=place.seed)
    probe = CurvatureProbe(
        subject.network,
        subject.source,
        Softplus(settings.beta),
        PowerIteration(settings.tolerance, settings.max_iterations),
        place.seed,
    )
    run = run_of(
        "angles",
        place.out / "run",
        probe,
        subject,
        selection.positions,
        settings={"model": subject.name, "data": subject.source.name, **asdict(settings)},
        size=settings.rows,
    )
    return Job(
        NAME,
        partial(_drawn, subject, settings),
        (run,),
        notes=(said(selection),),
        facts={"settings": asdict(settings)} | facts(subject, selection),
        rows=settings.rows,
    )


def _drawn(subject: Subject, settings: Orthogonality, found: Found) -> Drawn:
    table = per_image(found.together)
    told = summary(table)
    return Drawn(
        {".csv": table, ".summary.csv": told},
        {".png": partial(_draw, table, subject, settings)},
        told=told.to_string(index=False, float_format="%.4g"),
    )


def _trained(width: float, data_dir: str | None, place: Place) -> Path:
    return weights_for(
        width,
        place.out,
        seed=place.seed,
        data_dir=data_dir,
        progress=place.progress,
        say=place.say,
    )


def _finetuned(relu: Path, width: float, steps: int, data_dir: str | None, place: Place) -> Path:
    return finetuned_weights(
        relu,
        width,
        steps,
        place.out,
        seed=place.seed,
        data_dir=data_dir,
        progress=place.progress,
        say=place.say,
    )


def per_image(records: pd.DataFrame) -> pd.DataFrame:
    """Records with their metrics as columns, one row an image."""
    wide = records.pivot(index=["sample", "label", "predicted"], columns="metric", values="value")
    return wide.reset_index().rename_axis(columns=None)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Each metric over images: n that have it, mean with 95 % interval, and `QUANTILES`."""
    rows = []
    for metric in table.columns.drop(["sample", "label", "predicted"]):
        values = table[metric].dropna()
        interval = mean_of(values, metric)
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
