"""The figures' pictures: curves with bands, and images beside their maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from tf_fragile.experiments.frame.drawing import BLUE, GREEN, GREY, VERMILION, new_figure, save
from tf_fragile.metrics.catalog import METRICS, heading_of, is_share

_LINES = {
    "random_sign": ("random sign", GREY, "s"),
    "top_k": ("top-k attack", BLUE, "o"),
    "mass_center": ("center attack", VERMILION, "^"),
    "target_region": ("targeted attack", GREEN, "v"),
}
_OUTLINE = "#00e5ff"
_MARGIN = 0.6  # pixels, so that an outline along the border shows


def _limits(table: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Of the axis that all methods share. Only a rank correlation can be negative."""
    drawn = table[["low", "high", "paper"]].to_numpy(float)
    low = min(0.0, 1.1 * float(np.nanmin(drawn, initial=0.0)))
    high = 1.05 * float(np.nanmax(drawn, initial=0.0)) or 1.0
    return low, 1.02 if is_share(metric) else high


def curves_picture(
    table: pd.DataFrame,
    path: Path,
    *,
    metrics: Sequence[str],
    methods: Sequence[str],
    k: int,
    chance: float,
    title: str,
) -> None:
    """Draws one panel a metric and method: the metric against the radius, a line an attack.

    Args:
      table: as from `curves.curves`.
      path: the PNG to write.
      metrics: rows.
      methods: columns.
      k: of the top-k intersection.
      chance: overlap of two unrelated maps, drawn as a dotted line.
      title: over everything.
    """
    size = (0.6 + 3.6 * len(methods), 1.1 + 2.9 * len(metrics))
    figure = new_figure(*size)
    axes = figure.subplots(len(metrics), len(methods), squeeze=False, sharex=True, sharey="row")
    for row, metric in enumerate(metrics):
        axes[row, 0].set_ylim(_limits(table[table["metric"] == metric], metric))
        for column, method in enumerate(methods):
            ax = axes[row, column]
            part = table[(table["metric"] == metric) & (table["method"] == method)]
            _lines(ax, part, METRICS[metric].same)
            if metric == "top_k_intersection":
                ax.axhline(chance, color="black", lw=0.8, ls=":", label="chance")
            if row == 0:
                count = int(part["n"].max()) if len(part) else 0
                ax.set_title(f"{method.replace('_', ' ')} (n = {count})", fontsize=10)
            if column == 0:
                ax.set_ylabel(heading_of(metric).replace("top-k", f"top-{k}"))
            if row == len(metrics) - 1:
                ax.set_xlabel("L∞ norm of the perturbation (grey levels)")
            ax.grid(alpha=0.25)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if table["paper"].notna().any():
        handles.append(Line2D([], [], color="black", ls="--", alpha=0.4))
        labels.append("paper")
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), 1 + 2 * len(methods)),
        frameon=False,
        fontsize=9,
    )  # fmt: skip
    figure.suptitle(title, fontsize=11)
    save(figure, path)


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture or map of a grid.

    Attributes:
      image: [H, W, 3] pixels 0..255, [H, W, 1] grey ones, or a map [H, W].
      title: over it.
      scale: the largest value shown, for maps.
      region: a mask [H, W] to outline.
    """

    image: np.ndarray
    title: str = ""
    scale: float | None = None
    region: np.ndarray | None = None


def shared_scale(*maps: np.ndarray) -> float:
    """The largest value shown in maps that are to be compared: the 99th percentile of all."""
    return float(np.percentile(np.concatenate([m.ravel() for m in maps]), 99)) or 1.0


def grid_picture(
    rows: Sequence[Sequence[Panel]], path: Path, *, title: str, row_names: Sequence[str]
) -> None:
    """Draws panels in a grid; maps from black through red to white, by each panel's scale.

    Args:
      rows: panels, the same number in every row.
      path: the PNG to write.
      title: over everything.
      row_names: at the left of each row.
    """
    figure = new_figure(0.5 + 2.1 * len(rows[0]), 0.7 + 2.4 * len(rows))
    axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            _panel(axes[row, column], panel)
        axes[row, 0].set_ylabel(row_names[row], fontsize=9)
    figure.suptitle(title, fontsize=11)
    save(figure, path)


def _lines(ax: Any, part: pd.DataFrame, at_zero: float | None) -> None:
    for attack, (name, colour, marker) in _LINES.items():
        line = part[part["attack"] == attack].sort_values("epsilon")
        if line.empty:
            continue
        radii = np.r_[0.0, line["epsilon"]]

        def from_zero(column: str, line: pd.DataFrame = line) -> np.ndarray:
            return np.asarray(np.r_[np.nan if at_zero is None else at_zero, line[column]])

        ax.plot(radii, from_zero("mean"), color=colour, marker=marker, ms=4, lw=1.6, label=name)
        ax.fill_between(radii, from_zero("low"), from_zero("high"), color=colour, alpha=0.18, lw=0)
        if line["paper"].notna().any():
            ax.plot(radii, from_zero("paper"), color=colour, ls="--", lw=1.2, alpha=0.45, zorder=1)
        ax.set_xticks(radii)


def _panel(ax: Any, panel: Panel) -> None:
    if panel.image.ndim == 2:
        ax.imshow(panel.image, cmap="inferno", vmin=0, vmax=panel.scale, interpolation="nearest")
    else:
        pixels = np.clip(panel.image, 0, 255) / 255
        grey = pixels.shape[-1] == 1
        ax.imshow(pixels[..., 0] if grey else pixels, cmap="gray", vmin=0, vmax=1)
    if panel.region is not None:
        _outline(ax, panel.region)
    ax.set_title(panel.title, fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])


def _outline(ax: Any, region: np.ndarray) -> None:
    """Draws the edge of a region, along the border of the picture too."""
    height, width = region.shape
    padded = np.pad(region.astype(float), 1)
    x, y = np.arange(-1, width + 1), np.arange(-1, height + 1)
    ax.contour(x, y, padded, levels=[0.5], colors=[_OUTLINE], linewidths=1.2)
    ax.set_xlim(-0.5 - _MARGIN, width - 0.5 + _MARGIN)
    ax.set_ylim(height - 0.5 + _MARGIN, -0.5 - _MARGIN)
