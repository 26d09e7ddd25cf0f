"""The angle between gradient and most fragile direction in random two-layer networks.

For S = Σ_j v_j g(w_j·x) with orthogonal w_j the Hessian Σ_j v_j g''(w_j·x) w_j w_jᵀ has the
eigenvectors w_j, so the leading one is a single unit of the h that the gradient adds up, and
|cos| ~ 1/√h for many comparable units. With normal v_j, as here, the leading unit is the largest
of h, about √(2 ln h) times the typical one.

Source: Ghorbani et al. 2019, the appendix on two-layer networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tf_fragile.experiments.fragility.geometry.settings import TwoLayer
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.drawing import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
    save,
)
from tf_fragile.experiments.frame.job import Drawn, Found, Job, Table
from tf_fragile.experiments.frame.place import Place
from tf_fragile.probes.curvature.hessian import Leading, PowerIteration, angle, leading_eigenpair

NAME = "demo_two_layer"
KINDS = ("orthogonal", "random")

_CHUNK = 2**24  # weights in memory at once: 128 MiB
_SHADES = (SKY, GREEN, VERMILION, PURPLE)  # of the histograms


@dataclass(frozen=True, eq=False)
class Nets:
    """Two-layer softplus networks, one a row, each with the input it is looked at.

    Attributes:
      w: hidden weights [B, h, d].
      v: output weights [B, h].
      x: inputs [B, d].
    """

    w: np.ndarray
    v: np.ndarray
    x: np.ndarray


Iterate = Callable[[Nets, np.random.Generator], Leading]


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for."""
    return demo_two_layer(asked.settings, place.seed)


def demo_two_layer(settings: TwoLayer, seed: int = 0) -> Job:
    """The figure: one row a kind and width, see `summary`; .nets.csv; one picture."""
    iterate = compiled(PowerIteration(settings.tolerance, settings.max_iterations))
    tables = tuple(
        Table(
            f"h = {width}, {kind}",
            asdict(settings) | {"widths": width, "kind": kind},
            partial(_measured, iterate, kind, width, settings, seed),
        )
        for width in settings.widths
        for kind in KINDS
    )
    facts = {"settings": asdict(settings)}
    return Job(NAME, partial(_drawn, settings), tables=tables, facts=facts)


def _drawn(settings: TwoLayer, found: Found) -> Drawn:
    nets = found.table
    table = summary(nets)
    picture = partial(_draw, nets, table, settings)
    told = table.to_string(index=False, float_format="%.4g")
    return Drawn({".csv": table, ".nets.csv": nets}, {".png": picture}, told=told)


def random_nets(kind: str, draws: int, width: int, dim: int, rng: np.random.Generator) -> Nets:
    """Networks with |w_j| about 1 (exactly, where orthogonal), v ~ N(0, I) and x ~ N(0, I)."""
    w = rng.normal(size=(draws, width, dim)) / np.sqrt(dim)
    if kind == "orthogonal":
        w = np.linalg.qr(w.transpose(0, 2, 1)).Q.transpose(0, 2, 1)
    return Nets(w, rng.normal(size=(draws, width)), rng.normal(size=(draws, dim)))


def closed_cosine(nets: Nets) -> np.ndarray:
    """|cos| [B] between gradient and leading eigenvector, exact where the w_j are orthogonal.

    |v_k g'(w_k·x)| ‖w_k‖ / √Σ_j (v_j g'(w_j·x) ‖w_j‖)², k = arg max_j |v_j g''(w_j·x)| ‖w_j‖²,
    with g' = σ and g'' = σ (1 - σ) for softplus.
    """
    gate = 1 / (1 + np.exp(-np.einsum("bhd,bd->bh", nets.w, nets.x)))
    length = np.linalg.norm(nets.w, axis=2)
    slopes = np.abs(nets.v) * gate * length
    curvatures = np.abs(nets.v) * gate * (1 - gate) * length**2
    leading = np.argmax(curvatures, axis=1)
    return np.asarray(slopes[np.arange(len(leading)), leading] / np.linalg.norm(slopes, axis=1))


def compiled(settings: PowerIteration) -> Iterate:
    """A function to the leading eigenpair of every network at its input, as arrays."""
    shapes = ([None, None, None], [None, None], [None, None], [None, None])

    def iterate(w: tf.Tensor, v: tf.Tensor, x: tf.Tensor, start: tf.Tensor) -> Leading:
        def score(x: tf.Tensor) -> tf.Tensor:
            hidden = tf.nn.softplus(tf.linalg.matvec(w, x))
            return tf.reduce_sum(v * hidden, axis=1)

        return leading_eigenpair(score, x, start, settings)

    signature = [tf.TensorSpec(shape, tf.float64) for shape in shapes]
    traced = tf.function(iterate, input_signature=signature, autograph=False)

    def run(nets: Nets, rng: np.random.Generator) -> Leading:
        found = traced(nets.w, nets.v, nets.x, rng.normal(size=nets.x.shape))
        return Leading(*(np.asarray(t) for t in found))

    return run


def summary(nets: pd.DataFrame) -> pd.DataFrame:
    """Networks by kind and width.

    Returns:
      One row a kind and width: angle by power iteration (mean and quantiles, degrees), mean
      |cos| by power iteration and by the closed form, the largest difference of the two among
      networks whose iteration converged, 1/√h, and the share of those networks.
    """
    rows = []
    for (kind, width), part in nets.groupby(["kind", "h"], sort=True):
        settled = part[part["converged"]]
        low, middle, high = part["angle"].quantile([0.05, 0.5, 0.95])
        rows.append(
            {
                "kind": kind,
                "h": width,
                "angle_mean": part["angle"].mean(),
                "angle_q05": low,
                "angle_median": middle,
                "angle_q95": high,
                "cosine": part["cosine"].mean(),
                "closed_cosine": part["closed_cosine"].mean(),
                "largest_difference": (settled["cosine"] - settled["closed_cosine"]).abs().max(),
                "inverse_root": width**-0.5,
                "converged": part["converged"].mean(),
                "nets": len(part),
            }
        )
    return pd.DataFrame(rows)


def _measured(
    iterate: Iterate, kind: str, width: int, settings: TwoLayer, seed: int
) -> pd.DataFrame:
    rng = np.random.default_rng((seed, KINDS.index(kind), width))
    size = max(1, _CHUNK // (width * settings.dim))
    parts = []
    for first in range(0, settings.draws, size):
        draws = min(size, settings.draws - first)
        nets = random_nets(kind, draws, width, settings.dim, rng)
        found = iterate(nets, rng)
        angles = angle(found.gradient, found.direction)
        parts.append(
            pd.DataFrame(
                {
                    "kind": kind,
                    "h": width,
                    "net": np.arange(first, first + draws),
                    "angle": angles,
                    "cosine": np.cos(np.radians(angles)),
                    "closed_cosine": closed_cosine(nets),
                    "residual": found.residual,
                    "iterations": found.iterations,
                    "converged": found.converged,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _draw(nets: pd.DataFrame, table: pd.DataFrame, settings: TwoLayer, path: Path) -> None:
    figure = new_figure(10.2, 4.4)
    left, right = figure.subplots(1, 2)
    _histograms(left, nets[nets["kind"] == "random"], settings)
    for kind, colour in zip(KINDS, (BLUE, VERMILION), strict=True):
        part = table[table["kind"] == kind]
        right.plot(
            part["h"], part["cosine"], ls="", marker="o", ms=6, mfc="none", color=colour,
            label=f"{kind} w, power iteration",
        )  # fmt: skip
        right.plot(
            part["h"], part["closed_cosine"], ls="", marker="x", ms=5, color=colour,
            label=f"{kind} w, closed form for orthogonal w",
        )  # fmt: skip
    right.plot(table["h"], table["inverse_root"], color=GREY, lw=1, label="1/√h, all units equal")
    right.set(xscale="log", yscale="log", xlabel="hidden units h")
    right.set_ylabel("|cos| of gradient and most fragile direction")
    right.legend(fontsize=8, frameon=False)
    right.grid(alpha=0.25)
    figure.suptitle(f"Two-layer softplus networks, d = {settings.dim}", fontsize=11)
    save(figure, path)


def _histograms(ax: Any, nets: pd.DataFrame, settings: TwoLayer) -> None:
    widths = sorted(set(nets["h"]))
    several = [w for w in widths if w > 1] or widths
    shown = [
        several[i] for i in np.unique(np.linspace(0, len(several) - 1, len(_SHADES)).astype(int))
    ]
    bins = np.linspace(0, 90, 31)
    for i, width in enumerate(shown):
        part = nets[nets["h"] == width]
        weights = np.full(len(part), 1 / len(part))
        ax.hist(
            part["angle"], bins, weights=weights, histtype="stepfilled", alpha=0.55,
            color=_SHADES[i], label=f"h = {width}",
        )  # fmt: skip
    ax.set(xlabel="angle (degrees)", ylabel=f"share of {settings.draws} random networks")
    ax.set_xlim(0, 90)
    ax.set_xticks(range(0, 91, 15))
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    ax.grid(alpha=0.25)
