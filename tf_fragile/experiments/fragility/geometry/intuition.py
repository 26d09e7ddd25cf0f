"""A network of two inputs whose gradient turns within a small box around a point.

Source: Ghorbani et al. 2019, the schematic of a decision boundary with a kink. Here the network
is trained, and the pair of points found, not drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tf_fragile.backprop.network import Network, as_network
from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.geometry.settings import Intuition
from tf_fragile.experiments.fragility.geometry.toy_net import (
    Field,
    corner_data,
    evaluate,
    field_of,
    field_table,
    train,
)
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.drawing import BLUE, SKY, VERMILION, new_figure, save
from tf_fragile.experiments.frame.job import Drawn, Found, Job, Table
from tf_fragile.experiments.frame.place import Place
from tf_fragile.explainers.gradient import input_gradient

NAME = "intuition"
FIELD, PAIR, TRAINING = "field", "pair", "training"  # its tables
POINTS = 400


@dataclass(frozen=True)
class Pair:
    """A point and its shifted twin of the same class.

    Attributes:
      before: the point.
      after: the shifted one.
      share_before: the share of the map |∂S/∂x| that input 1 has at the point.
      share_after: the same, shifted.
    """

    before: tuple[float, float]
    after: tuple[float, float]
    share_before: float
    share_after: float


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for."""
    return intuition(asked.settings, place.seed)


def intuition(settings: Intuition, seed: int = 0) -> Job:
    """The figure: two rows, the point and the shifted one, see `pair_table`; one picture.

    Making it raises `InputError` where the box is too small for the grid, or nowhere does the
    gradient turn.
    """
    trained = cache(partial(_trained, settings, seed))  # once for the three tables

    def pair() -> pd.DataFrame:
        network = trained()
        return pair_table(network, find_pair(evaluate(network, settings.grid), settings.epsilon))

    computed: dict[str, Callable[[], pd.DataFrame]] = {
        FIELD: lambda: field_table(evaluate(trained(), settings.grid)),
        PAIR: pair,
        TRAINING: lambda: pd.DataFrame({"accuracy": [accuracy(trained(), seed)]}),
    }
    return Job(
        NAME,
        partial(_drawn, settings, seed),
        tables=tuple(Table(name, asdict(settings), make) for name, make in computed.items()),
        facts={"settings": asdict(settings)},
    )


def accuracy(network: Network, seed: int) -> float:
    """The share of the training points that a network gets right."""
    x, label = corner_data(POINTS, seed)
    return float(np.mean(np.asarray(network.predict(tf.constant(x))) == label))


def _trained(settings: Intuition, seed: int) -> Network:
    x, label = corner_data(POINTS, seed)
    return as_network(train(x, label, settings.hidden, settings.train_steps, seed), "logits")


def _drawn(settings: Intuition, seed: int, found: Found) -> Drawn:
    field, table = field_of(found.tables[FIELD]), found.tables[PAIR]
    pair = find_pair(field, settings.epsilon)
    right = float(found.tables[TRAINING]["accuracy"].iloc[0])
    told = table.to_string(index=False, float_format="%.3f")
    return Drawn(
        {".csv": table},
        {".png": partial(_draw, field, pair, corner_data(POINTS, seed), settings)},
        told=f"training accuracy {right:.1%} on {POINTS} points\n\n{told}",
        facts={"training_accuracy": right, "points": POINTS, "pair": asdict(pair)},
    )


def find_pair(field: Field, epsilon: float) -> Pair:
    """The pair of class 1, at most `epsilon` apart in either input, whose maps differ most.

    The first point's map is on input 1, the second one's on input 2. Ends 2 ε from the border of
    the square, so that the box is inside.

    Raises:
      InputError: the grid is coarser than the box, or the gradient never changes its main input.
    """
    spacing = float(field.axis[1] - field.axis[0])
    reach = int(epsilon / spacing + 1e-6)
    inside = np.abs(field.axis) <= 1 - 2 * epsilon
    if reach < 1 or not inside.any():
        raise InputError(
            f"--epsilon is {epsilon:g} on a grid of spacing {spacing:.3g} over [-1, 1]; give a "
            "box of more than one grid point and less than half the square."
        )
    size = np.abs(field.gradient)
    share = size[..., 0] / np.maximum(size.sum(axis=-1), 1e-12)
    kept = field.logit > 0
    best: tuple[float, tuple[int, int], tuple[int, int]] | None = None
    for i in np.flatnonzero(inside):
        for j in np.flatnonzero(inside):
            if not kept[i, j]:
                continue
            rows, columns = slice(i - reach, i + reach + 1), slice(j - reach, j + reach + 1)
            local = np.where(kept[rows, columns], share[rows, columns], np.inf)
            k, m = divmod(int(np.argmin(local)), local.shape[1])
            gain = float(share[i, j] - local[k, m])
            if best is None or gain > best[0]:
                best = gain, (int(i), int(j)), (int(i) - reach + k, int(j) - reach + m)
    if best is None or not share[best[1]] > 0.5 > share[best[2]]:
        raise InputError(
            "Within the box the gradient nowhere changes its main input; train longer or raise "
            "--epsilon."
        )
    return Pair(
        _at(field.axis, best[1]), _at(field.axis, best[2]),
        float(share[best[1]]), float(share[best[2]]),
    )  # fmt: skip


def pair_table(network: Network, pair: Pair) -> pd.DataFrame:
    """The two points, computed anew from the network.

    Returns:
      Two rows, the point and the shifted one: coordinates, logit and gradient of class 1, and
      each input's share of the map.
    """
    x = np.array([pair.before, pair.after], np.float32)
    one = tf.ones(2, tf.int32)
    gradient = np.asarray(input_gradient(network, tf.constant(x), one))
    shares = np.abs(gradient) / np.abs(gradient).sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "point": ["x_t", "shifted"],
            "x1": x[:, 0],
            "x2": x[:, 1],
            "logit": np.asarray(network.score(tf.constant(x), one)),
            "gradient1": gradient[:, 0],
            "gradient2": gradient[:, 1],
            "share1": shares[:, 0],
            "share2": shares[:, 1],
        }
    )


def _at(axis: np.ndarray, place: tuple[int, int]) -> tuple[float, float]:
    """Coordinates (input 1, input 2) of a (row, column)."""
    return float(axis[place[1]]), float(axis[place[0]])


def _draw(
    field: Field,
    pair: Pair,
    data: tuple[np.ndarray, np.ndarray],
    settings: Intuition,
    path: Path,
) -> None:
    figure = new_figure(9.6, 4.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _contours(left, field, pair, data, settings.epsilon)
    names = ["x$_t$", "shifted"]
    first = np.array([pair.share_before, pair.share_after])
    places = np.arange(2)
    right.bar(places - 0.18, first, 0.34, color=BLUE, label="input 1")
    right.bar(places + 0.18, 1 - first, 0.34, color=VERMILION, label="input 2")
    right.set_xticks(places, names)
    right.set_ylim(0, 1)
    right.set_ylabel("share of the map |∂S/∂x|")
    right.legend(fontsize=9, frameon=False, loc="upper center")
    right.set_title("same class, another explanation", fontsize=10)
    figure.suptitle(
        f"A trained two-class network: within ±{settings.epsilon:g} the gradient turns", fontsize=11
    )
    save(figure, path)


def _contours(
    ax: Any, field: Field, pair: Pair, data: tuple[np.ndarray, np.ndarray], epsilon: float
) -> None:
    x, label = data
    for value, colour in ((0, "#d9d9d9"), (1, SKY)):
        ax.scatter(*x[label == value].T, s=5, color=colour, alpha=0.7, zorder=1)
    top = float(np.percentile(np.abs(field.logit), 97))
    levels = np.linspace(-top, top, 13)
    ax.contour(field.axis, field.axis, field.logit, levels=levels, colors="#888888", linewidths=0.7)
    ax.contour(field.axis, field.axis, field.logit, levels=[0], colors="black", linewidths=2)
    corner = pair.before[0] - epsilon, pair.before[1] - epsilon
    ax.plot(
        corner[0] + np.array([0, 2, 2, 0, 0]) * epsilon,
        corner[1] + np.array([0, 0, 2, 2, 0]) * epsilon,
        color="black", lw=1, ls="--",
    )  # fmt: skip
    for point, share, colour, name in (
        (pair.before, pair.share_before, BLUE, "x$_t$"),
        (pair.after, pair.share_after, VERMILION, "shifted"),
    ):
        _arrow(ax, field, point, colour)
        main = "input 1" if share > 0.5 else "input 2"
        ax.plot(*point, "o", color=colour, ms=6, zorder=4, label=f"{name}: gradient along {main}")
    ax.plot([], [], color="black", lw=2, label="decision boundary")
    ax.set(xlabel="input 1", ylabel="input 2", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    ax.set_xticks(np.linspace(-1, 1, 5))
    ax.set_yticks(np.linspace(-1, 1, 5))
    ax.legend(fontsize=8, loc="lower left", framealpha=0.95)


def _arrow(ax: Any, field: Field, point: tuple[float, float], colour: str) -> None:
    column, row = (int(np.abs(field.axis - c).argmin()) for c in point)
    direction = field.gradient[row, column] / np.linalg.norm(field.gradient[row, column])
    tip = np.asarray(point) + 0.4 * direction
    ax.annotate(
        "", tip, point, zorder=3, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2}
    )
