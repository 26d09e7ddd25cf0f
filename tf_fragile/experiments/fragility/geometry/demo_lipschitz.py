"""Bounds on the Lipschitz constant of the input gradient beside the largest one found.

Source: Ghorbani et al. 2019, the appendix that suggests keeping operator norms small; see
`lipschitz` for what is and what is not a bound.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tf_fragile.experiments.fragility.geometry.lipschitz import (
    Search,
    compiled_search,
    composed_bound,
    product_form,
    random_layers,
)
from tf_fragile.experiments.fragility.geometry.settings import Lipschitz
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.drawing import BLUE, GREY, VERMILION, new_figure, save
from tf_fragile.experiments.frame.job import Drawn, Found, Job, Table
from tf_fragile.experiments.frame.place import Place

NAME = "demo_lipschitz"


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for."""
    return demo_lipschitz(asked.settings, place.seed)


def demo_lipschitz(settings: Lipschitz, seed: int = 0) -> Job:
    """The figure: one row a depth, operator norm and network, see `at_depth`; one picture."""
    tables = tuple(
        Table(
            f"{depth} layer{'s' if depth > 1 else ''}",
            asdict(settings) | {"depths": depth},
            partial(at_depth, depth, settings, seed),
        )
        for depth in settings.depths
    )
    return Job(NAME, _drawn, tables=tables, facts={"settings": asdict(settings)})


def _drawn(found: Found) -> Drawn:
    table = found.table
    told = summary(table).to_string(index=False, float_format="%.4g")
    return Drawn({".csv": table}, {".png": partial(_draw, table)}, told=told)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over networks, and for how many each formula is above what was found."""
    groups = table.groupby(["depth", "norm"], as_index=False)
    return groups.agg(
        bound=("bound", "mean"),
        product=("product", "mean"),
        curvature=("curvature", "mean"),
        largest=("ratio", "max"),
        bound_holds=("bound_holds", "sum"),
        product_holds=("product_holds", "sum"),
        nets=("net", "count"),
    )


def at_depth(depth: int, settings: Lipschitz, seed: int) -> pd.DataFrame:
    """All norms and networks of one depth, in one batch.

    Returns:
      One row an operator norm and network: the bound, the product form, the largest
      |eigenvalue| of the Hessian and the largest Lipschitz ratio that the search found, and
      whether each of the two formulas is above it.
    """
    rng = np.random.default_rng((seed, depth))
    # The same networks at every norm, so that only the norm differs along a line.
    shapes = [random_layers(depth, settings.width, 1.0, rng) for _ in range(settings.nets)]
    cases = [(norm, net) for norm in settings.norms for net in range(settings.nets)]
    layers = [
        np.repeat([norm * shapes[net][i] for norm, net in cases], settings.starts, axis=0)
        for i in range(depth)
    ]
    x = rng.normal(size=(len(cases) * settings.starts, settings.width))
    # Inputs of several lengths: a softplus of large inputs is nearly linear.
    x *= np.tile(np.geomspace(0.1, 10, settings.starts), len(cases))[:, None]
    search = compiled_search(depth, Search(settings.ascent_steps))
    found = search(layers, x, rng.normal(size=x.shape))
    curvature = found.curvature.reshape(len(cases), -1)
    ratio = found.ratio.reshape(len(cases), -1)
    rows = []
    for i, (norm, net) in enumerate(cases):
        norms = [norm] * depth
        measured = max(curvature[i].max(), ratio[i].max())
        rows.append(
            {
                "depth": depth,
                "norm": norm,
                "net": net,
                "bound": composed_bound(norms),
                "product": product_form(norms),
                "curvature": curvature[i].max(),
                "ratio": ratio[i].max(),
                "bound_holds": measured <= composed_bound(norms) * (1 + 1e-9),
                "product_holds": measured <= product_form(norms) * (1 + 1e-9),
            }
        )
    return pd.DataFrame(rows)


def _draw(table: pd.DataFrame, path: Path) -> None:
    depths = sorted(set(table["depth"]))
    figure = new_figure(0.8 + 2.7 * len(depths), 4.0)
    axes = figure.subplots(1, len(depths), squeeze=False, sharey=True)[0]
    for ax, depth in zip(axes, depths, strict=True):
        part = table[table["depth"] == depth]
        line = part.groupby("norm", as_index=False)[["bound", "product"]].first()
        ax.plot(line["norm"], line["bound"], color=BLUE, lw=1.6, label="bound: sum over layers")
        ax.plot(
            line["norm"], line["product"], color=GREY, lw=1.2, ls="--",
            label="product over layers, no bound from two on",
        )  # fmt: skip
        ax.plot(
            part["norm"], part["ratio"], color=VERMILION, ls="", marker="o", ms=4, alpha=0.7,
            label="largest found, one dot a network",
        )  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="operator norm of each layer")
        ax.set_xticks(line["norm"], [f"{n:g}" for n in line["norm"]])
        ax.minorticks_off()
        ax.set_title("1 layer" if depth == 1 else f"{depth} layers", fontsize=10)
        ax.grid(alpha=0.25)
    axes[0].set_ylabel("Lipschitz constant of the gradient")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    figure.suptitle("Softplus networks: how fast the gradient can change", fontsize=11)
    save(figure, path)
