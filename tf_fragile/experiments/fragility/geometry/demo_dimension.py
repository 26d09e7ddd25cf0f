"""How far one softplus unit's map can be changed, against the dimension of its input.

For S = g(w·x) every entry of the gradient changes by the same factor, to first order
(w·δ) g''/g', which is ε ‖w‖₁ g''/g' for δ = ε sign(w): at a fixed ‖w‖₂ it grows with √d, while
random signs move it by ε ‖w‖₂ times a number of order 1, whatever d is.

Source: Ghorbani et al. 2019, the section on the Hessian and the appendix on dimension.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from tf_fragile.backprop.network import Network, as_network
from tf_fragile.experiments.fragility.geometry.settings import Dimension
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.drawing import BLUE, GREEN, GREY, VERMILION, new_figure, save
from tf_fragile.experiments.frame.job import Drawn, Found, Job, Table
from tf_fragile.experiments.frame.place import Place
from tf_fragile.explainers.gradient import input_gradient
from tf_fragile.probes.curvature.hessian import angle, leading_eigenpair

NAME = "demo_dimension"

# At w·x = 0 softplus has its largest curvature: g' = 1/2, g'' = 1/4.
RATIO = 0.5
_CONTROLS = 8  # random signs for each unit


def prepare(asked: Asked, place: Place) -> Job:
    """The figure that the flags ask for."""
    return demo_dimension(asked.settings, place.seed)


def demo_dimension(settings: Dimension, seed: int = 0) -> Job:
    """The figure: one row a dimension and radius, see `changes`; one picture."""
    # One table: the units of a dimension are drawn after those of the one before.
    table = Table("all dimensions", asdict(settings), partial(changes, settings, seed))
    return Job(NAME, _drawn, tables=(table,), facts={"settings": asdict(settings)})


def changes(settings: Dimension, seed: int) -> pd.DataFrame:
    """Relative changes at every dimension.

    Returns:
      One row a dimension and radius, means over random units: ‖w‖₁ and its expectation
      √(2d/π) at ‖w‖₂ = 1, the closed form, the measured relative change under ε sign(w) and
      under random signs (mean absolute value), and the angle in degrees between the Hessian's
      leading eigenvector and the gradient.
    """
    rng = np.random.default_rng(seed)
    rows = [row for dim in settings.dims for row in _at_dimension(dim, settings, rng)]
    return pd.DataFrame(rows)


def _drawn(found: Found) -> Drawn:
    table = found.table
    told = table.to_string(index=False, float_format="%.4g")
    return Drawn({".csv": table}, {".png": partial(_draw, table)}, told=told)


def softplus_unit(w: np.ndarray) -> keras.Model:
    """The network x -> softplus(w·x) in float64, x [B, d]."""
    x = keras.Input((w.size,), dtype="float64")
    unit = keras.layers.Dense(1, activation="softplus", use_bias=False, dtype="float64")
    model = keras.Model(x, unit(x))
    unit.set_weights([w[:, None]])
    return model


def relative_change(network: Network, x: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Mean over the input's entries of (∇S(x + δ) - ∇S(x)) / ∇S(x).

    Args:
      network: of one unit.
      x: [d].
      deltas: [n, d].

    Returns:
      [n], signed.
    """
    points = tf.constant(np.concatenate([x[None], x + deltas]))
    gradients = np.asarray(input_gradient(network, points, tf.ones(len(points), tf.int32)))
    return np.asarray(np.mean((gradients[1:] - gradients[0]) / gradients[0], axis=1))


def _at_dimension(
    dim: int, settings: Dimension, rng: np.random.Generator
) -> list[dict[str, float]]:
    weights = rng.normal(size=(settings.draws, dim))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    x = np.zeros(dim)
    changed = {e: np.zeros((settings.draws, 3)) for e in settings.epsilon}
    angles = np.zeros(settings.draws)
    network = as_network(softplus_unit(weights[0]), "logits")
    for i, w in enumerate(weights):
        network.model.set_weights([w[:, None]])
        angles[i] = _angle(network, x, rng)
        signs = rng.choice([-1.0, 1.0], size=(_CONTROLS, dim))
        for e, found in changed.items():
            worst, *random = relative_change(network, x, e * np.vstack([np.sign(w), signs]))
            found[i] = e * np.abs(w).sum() * RATIO, worst, np.mean(np.abs(random))
    means = {e: found.mean(axis=0) for e, found in changed.items()}
    return [
        {
            "d": dim,
            "epsilon": e,
            "l1_norm": float(np.abs(weights).sum(axis=1).mean()),
            "l1_expected": float(np.sqrt(2 * dim / np.pi)),
            "closed_form": closed,
            "measured": measured,
            "random_sign": random,
            "angle": float(angles.mean()),
            "draws": settings.draws,
        }
        for e, (closed, measured, random) in means.items()
    ]


def _angle(network: Network, x: np.ndarray, rng: np.random.Generator) -> float:
    start = tf.constant(rng.normal(size=(1, x.size)))
    found = leading_eigenpair(lambda t: network.score(t, tf.constant([1])), x[None], start)
    return float(angle(np.asarray(found.gradient), np.asarray(found.direction))[0])


def _draw(table: pd.DataFrame, path: Path) -> None:
    figure = new_figure(6.4, 5.4)
    ax = figure.subplots()
    colours = [BLUE, VERMILION, GREEN]
    for i, (epsilon, part) in enumerate(table.groupby("epsilon")):
        colour = colours[i % len(colours)]
        ax.plot(part["d"], part["closed_form"], color=colour, lw=1.4, label=f"ε = {epsilon:g}")
        ax.plot(part["d"], part["measured"], color=colour, ls="", marker="o", ms=5)
        ax.plot(part["d"], part["random_sign"], color=colour, ls="", marker="x", ms=5, alpha=0.6)
    ax.plot([], [], color="black", lw=1.4, label="first order: ε ‖w‖₁ g″/g′")
    ax.plot([], [], color="black", ls="", marker="o", ms=5, label="measured, δ = ε sign(w)")
    ax.plot([], [], color="black", ls="", marker="x", ms=5, label="measured, random signs")
    ax.axhline(1, color=GREY, lw=0.8, ls=":")
    ax.annotate("g′ can at most double", (table["d"].min(), 1.1), fontsize=8, color=GREY)
    ax.set(xscale="log", yscale="log", xlabel="input dimension d")
    ax.set_ylabel("relative change of every entry of the map")
    ax.set_title("One softplus unit, ‖w‖₂ = 1, at w·x = 0", fontsize=11)
    figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=2)
    ax.grid(alpha=0.25)
    save(figure, path)
