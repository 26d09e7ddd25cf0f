"""Kinks of a pointwise function, found in the function itself, whatever it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import called

Function = Callable[[tf.Tensor], tf.Tensor]
Evaluate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

# Fine where pre-activations are, coarse as far out as clips are; ends no number that anyone writes.
_FINE = np.linspace(-20.0031, 20.0017, 5122)
_COARSE = np.geomspace(20.0017, 1e4, 80)[1:]
_GRID = np.concatenate([-_COARSE[::-1] - 0.0014, _FINE, _COARSE])
_HALVINGS = 34  # from 1/128 to well below float32's spacing
_SMALLEST = 1e-4  # of the slope nearby; roundings of a slope in float32 are less


@dataclass(frozen=True)
class Shape:
    """What matters of a function of one number for a smooth one in its place.

    Attributes:
      kinks: places and changes of slope, from left to right.
      jumps: places at which the function itself jumps.
      like_relu: zero left of its first kink, which is at zero and turns upwards.
      monotone: whether it decreases nowhere on the grid.
    """

    kinks: tuple[tuple[float, float], ...] = ()
    jumps: tuple[float, ...] = ()
    like_relu: bool = False
    monotone: bool = False


def shape_of(activation: Activation) -> Shape | None:
    """The shape of an activation, `None` where it can't be asked or mixes entries."""
    try:
        known = _SHAPES.get(activation.function)
    except TypeError:  # what can't be referred to weakly is asked every time
        return _shape(activation)
    if known is None:
        known = (_shape(activation),)
        _SHAPES[activation.function] = known
    return known[0]


# Of functions, which don't change once they are made; a tuple, for `None` is an answer.
_SHAPES: WeakKeyDictionary[Function, tuple[Shape | None]] = WeakKeyDictionary()


def _shape(activation: Activation) -> Shape | None:
    if activation.mixes:
        return None
    for dtype in (tf.float64, tf.float32):
        try:
            return _seen(_of_numbers(activation), dtype)
        except Exception:  # a user's function may raise anything
            continue
    return None


def _of_numbers(activation: Activation) -> Function:
    """The function of numbers [n], whatever shape its samples have."""
    ones = [1] * max(1, len(activation.sample))

    def function(z: tf.Tensor) -> tf.Tensor:
        (y,) = called(activation.function, (tf.reshape(z, [-1, *ones]),), {})
        return tf.reshape(y, [-1])

    return function


def _seen(function: Function, dtype: tf.DType) -> Shape:
    evaluate = _evaluator(function, dtype)
    y, slope = evaluate(_GRID)
    inside = np.abs(slope[np.isfinite(slope) & (np.abs(_GRID) < 20)])
    floor = 0.1 * _SMALLEST * min(1.0, inside.max(initial=0.0))
    places, heights = _narrowed(evaluate, by_slope=False)
    size = np.maximum(1.0, np.abs(places)) * np.maximum(1.0, _nearby(slope))
    tall = np.abs(heights) > 1e-5 * (size + _nearby(y))
    pole = np.abs(heights) > 10 * _nearby(y) + 1  # to infinity on both sides: smooth where it is
    jumps = _merged(places[tall & ~pole], heights[tall & ~pole])
    places, changes = _narrowed(evaluate, by_slope=True)
    bent = np.abs(changes) > _SMALLEST * _nearby(slope) + floor
    kinks = [
        (place, change)
        for place, change in _merged(places[bent], changes[bent])
        if abs(change) > floor and not any(abs(place - jump) < 1e-3 for jump, _ in jumps)
    ]
    first = kinks[0] if kinks else (np.inf, 0.0)
    left = y[first[0] > _GRID]
    return Shape(
        kinks=tuple(kinks),
        jumps=tuple(place for place, _ in jumps),
        like_relu=first[0] == 0 and first[1] > 0 and bool(np.all(np.abs(left) <= floor)),
        monotone=bool(np.all(slope >= -floor)) and all(height > 0 for _, height in jumps),
    )


def _evaluator(function: Function, dtype: tf.DType) -> Evaluate:
    """Values and slopes at places, all float64; a function without a slope has slope 0.

    As a graph, which can be made and run in the middle of another's trace; a tape can't.
    """

    def both(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        y = tf.convert_to_tensor(function(z))
        (slope,) = tf.gradients(y, z, unconnected_gradients="zero")
        return y, slope

    with tf.init_scope():
        graph = tf.function(both, autograph=False).get_concrete_function(
            tf.TensorSpec([None], dtype)
        )

    def at(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with tf.init_scope():
            y, slope = graph(tf.constant(places, dtype))
        return y.numpy().astype(np.float64), slope.numpy().astype(np.float64)

    return at


def _narrowed(evaluate: Evaluate, *, by_slope: bool) -> tuple[np.ndarray, np.ndarray]:
    """Every cell of the grid halved again and again, to the half in which more happens.

    Returns:
      Where each ends up, and what is left of the change of value or slope there; for anything
      continuous that is next to nothing. NaN where the function is not finite.
    """

    def at(places: np.ndarray) -> np.ndarray:
        return evaluate(places)[by_slope]

    with np.errstate(invalid="ignore", over="ignore"):
        low, high = _GRID[:-1], _GRID[1:]
        values = at(_GRID)
        below, above = values[:-1], values[1:]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            value = at(middle)
            left = np.abs(value - below) >= np.abs(above - value)
            low, below = np.where(left, low, middle), np.where(left, below, value)
            high, above = np.where(left, middle, high), np.where(left, value, above)
        return (low + high) / 2, above - below


def _nearby(values: np.ndarray) -> np.ndarray:
    """The largest finite magnitude in each cell and its two neighbours."""
    size = np.abs(np.where(np.isfinite(values), values, 0.0))
    ends = np.pad(size, 1, mode="edge")
    largest: np.ndarray = np.max([ends[i : i + len(size) - 1] for i in range(4)], axis=0)
    return largest


def _merged(places: np.ndarray, changes: np.ndarray) -> list[tuple[float, float]]:
    """Neighbours in one place added up, places rounded to what someone may have written."""
    merged: list[tuple[float, float]] = []
    for place, change in zip(places.tolist(), changes.tolist(), strict=True):
        near = 5e-6 * max(1.0, abs(place))
        rounded = round(place, 4) + 0.0
        place = rounded if abs(place - rounded) <= near else place
        if merged and abs(place - merged[-1][0]) <= 2 * near:
            merged[-1] = (merged[-1][0], merged[-1][1] + change)
        else:
            merged.append((place, change))
    return merged
