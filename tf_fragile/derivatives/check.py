"""The derivative gate: second derivatives on a user's own model, checked before an attack."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.batches import chunk
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.derivatives.compare import (
    OPEN,
    WRONG,
    Comparison,
    Derivatives,
    Ladder,
    compare,
    derivatives_of,
)
from tf_fragile.derivatives.locate import NO_DERIVATIVE, first_line, locate
from tf_fragile.derivatives.precision import Wide, widened
from tf_fragile.derivatives.report import GateReport, LayerFault
from tf_fragile.explainers.targets import as_target
from tf_fragile.surrogates import Softplus, Surrogate

_REDRAWS = 3
_NUDGE = 1e-3  # of the inputs' spread: constant regions of an image are ties of a max pool


def check_derivatives(
    network: keras.Model | Network,
    x: Any,
    target: Any = None,
    *,
    surrogate: Surrogate | None = None,
    inputs: int = 3,
    directions: int = 3,
    seed: int = 0,
    find_layers: bool = True,
) -> GateReport:
    """Compares H v of the target's logit by two gradient tapes with differences of its gradient.

    TensorFlow drops terms of some second derivatives without a word, and an attack that follows
    them makes an explanation look more robust than it is. The check is made in float64, at the
    inputs moved by a thousandth of their spread, along random directions, at two step sizes or
    more; see `compare` for what counts as wrong. Where something is, each layer is checked alone.

    Args:
      network: a Keras model, or what was recorded of one.
      x: [B, ...] in the model's nesting; the first `inputs` of them are used.
      target: as for an explainer: int, [B] ints, one-hot, or `None` for the arg max.
      surrogate: what stands in for the network in the attack; softplus in place of ReLUs where
        not given. Ignored for subclassed models, in which nothing can be replaced.
      inputs: how many samples.
      directions: how many for each sample.
      seed: of directions; the same seed gives the same report.
      find_layers: whether to look for the layers at fault.

    Returns:
      The report; `ok` says whether the derivatives can be believed.

    Raises:
      InputError: not a model, or a target that is no class of it.
    """
    network = as_network(network)
    inputs = network.fixed_batch or inputs
    x = keras.tree.map_structure(lambda leaf: tf.convert_to_tensor(leaf)[:inputs], x)
    if network.fixed_batch:
        x = chunk(x, 0, inputs)
    x = keras.tree.map_structure(_as_float, x)
    labels = as_target(_first(target, keras.tree.flatten(x)[0].shape[0]), x, network)
    if network.graph is not None:
        network = (surrogate or Softplus()).apply(network)
    x = keras.tree.map_structure(lambda leaf: tf.cast(leaf, tf.float64), x)
    x = _added(x, _NUDGE, _directions(x, [seed, -1]))
    wide = widened(network, x)
    x = keras.tree.map_structure(lambda leaf: tf.cast(leaf, wide.dtype), x)
    report = GateReport(
        network.model.name, wide.ladder.name, wide.ladder.tolerance, narrow=wide.narrow
    )
    derivatives = derivatives_of(lambda at: wide.network.score(at, labels))
    try:
        drawn = [_probe(derivatives, x, wide.ladder, seed, i) for i in range(directions)]
        report = _summed(report, drawn)
    except NO_DERIVATIVE as error:
        report = replace(report, failure=first_line(error), second_error=math.inf)
    wrong = report.failure or report.first_wrong or report.second_wrong
    if not (wrong and find_layers) or wide.network.graph is None:
        return report
    return replace(report, faults=_faults(wide, x, seed))


def _faults(wide: Wide, x: Any, seed: int) -> tuple[LayerFault, ...]:
    one = keras.tree.map_structure(lambda leaf: leaf[:1], x)
    assert wide.network.graph is not None
    return locate(wide.network.graph, one, wide.ladder, seed)


def _probe(
    derivatives: Derivatives, x: Any, ladder: Ladder, seed: int, direction: int
) -> Comparison:
    """One direction for each sample, drawn again for those that met a kink."""
    result: Comparison | None = None
    for draw in range(_REDRAWS):
        nudge, v = (
            _directions(x, [seed, 1000 * direction + 10 * draw + salt]) for salt in range(2)
        )
        found = compare(derivatives, _added(x, _NUDGE, nudge), v, ladder)
        result = found if result is None else _filled(result, found)
        if not np.any(_undecided(result)):
            break
    assert result is not None
    return result


def _undecided(found: Comparison) -> np.ndarray:
    undecided: np.ndarray = found.finite & ((found.first == OPEN) | (found.second == OPEN))
    return undecided


def _filled(old: Comparison, new: Comparison) -> Comparison:
    """`old` with the samples it left open taken from `new`."""
    again = _undecided(old)
    return Comparison(
        *(np.where(again, getattr(new, name), getattr(old, name)) for name in vars(old))
    )


def _summed(report: GateReport, drawn: list[Comparison]) -> GateReport:
    table = {name: np.array([getattr(found, name) for found in drawn]) for name in vars(drawn[0])}
    undecided = np.array([_undecided(found) for found in drawn])
    decided = table["finite"] & ~undecided
    return replace(
        report,
        probes=undecided.size,
        undecided=int(undecided.sum()),
        first_error=_worst(table["first_error"], decided),
        second_error=_worst(table["second_error"], decided),
        first_wrong=int((table["first"] == WRONG).sum()),
        second_wrong=int((table["second"] == WRONG).sum()),
        curved=int(table["curved"].sum()),
        zero_gradients=int(table["zero"].any(axis=0).sum()),
        not_finite=int((~table["finite"]).any(axis=0).sum()),
    )


def _worst(errors: np.ndarray, where: np.ndarray) -> float:
    return float(errors[where].max()) if where.any() else 0.0


def _directions(x: Any, seed: list[int]) -> Any:
    """Random directions as long as the spread of the inputs, each leaf in its own units."""
    leaves = []
    for i, leaf in enumerate(keras.tree.flatten(x)):
        key = [seed[0], 7 * seed[1] + i]
        noise = tf.random.stateless_normal(tf.shape(leaf), key, dtype=leaf.dtype)
        leaves.append(noise * _spread(leaf))
    return keras.tree.pack_sequence_as(x, leaves)


def _added(x: Any, factor: float, v: Any) -> Any:
    return keras.tree.map_structure(lambda a, d: a + factor * d, x, v)


def _spread(leaf: tf.Tensor) -> tf.Tensor:
    """The standard deviation of the entries, else their size, else 1."""
    deviation, size = tf.math.reduce_std(leaf), tf.sqrt(tf.reduce_mean(leaf**2))
    size = tf.where(size > 0, size, tf.ones_like(size))
    return tf.where(deviation > 1e-6 * size, deviation, size)


def _as_float(leaf: tf.Tensor) -> tf.Tensor:
    return leaf if leaf.dtype.is_floating else tf.cast(leaf, tf.float32)


def _first(target: Any, count: int) -> Any:
    if target is None or np.ndim(target) == 0:
        return target
    return chunk(tf.convert_to_tensor(target), 0, count)
