"""What a function of one tensor does, asked of the function itself: users write their own.

Names say little: `tf.nn.softmax`, a lambda around `tf.nn.leaky_relu` and a layer that computes
`maximum(z, 0)` are what their twins in Keras are, and are to be treated alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Function = Callable[[tf.Tensor], tf.Tensor]
Sample = tuple[int, ...]
"""The shape of one sample on which a function is asked, e.g. (6, 6, 3)."""

_SMALL = (
    6  # axes of a sample are cut to this: what a pointwise function does is seen on few entries
)
_TOLERANCE = 1e-5
# From -12 to 12: where a clipped or saturating activation of the field has left its kinks behind.
GRID = np.concatenate([np.linspace(-12, 12, 193), [-1e-3, 1e-3]]).astype("float32")
_NAMED = (
    *("linear", "relu", "relu6", "softplus", "sigmoid", "tanh", "elu", "selu", "silu", "softsign"),
    *("hard_sigmoid", "hard_silu", "hard_tanh", "mish", "exponential", "log_sigmoid", "squareplus"),
    *("celu", "tanh_shrink", "hard_shrink", "soft_shrink", "sparse_plus", "sparse_sigmoid"),
)
MIXING = ("softmax", "log_softmax", "sparsemax")


@cache
def _references() -> dict[str, np.ndarray]:
    """The values on `GRID` of Keras' pointwise activations, by name."""
    functions: dict[str, Function] = {n: getattr(keras.activations, n) for n in _NAMED}
    table = {name: _evaluated(function, GRID) for name, function in functions.items()}
    approximate = _evaluated(lambda z: keras.activations.gelu(z, approximate=True), GRID)
    return {**table, "gelu": _evaluated(keras.activations.gelu, GRID), "gelu_tanh": approximate}


def identify(function: Function, sample: Sample = ()) -> str | None:
    """The Keras name of what `function` computes, by its values.

    Args:
      function: of one tensor [B, *sample].
      sample: of what shape it takes its samples; vectors of any length where empty.

    Returns:
      A name of `keras.activations` (GELU in both its forms is `"gelu"`); `"leaky_relu"` for any
      slope between 0 and 1; `"softmax"`, `"log_softmax"` or `"sparsemax"` over the last axis;
      `"pointwise"` for other functions of single entries, `"mixing"` for functions that keep
      shapes but not entries apart; `None` where it is neither, has no derivative, or fails on
      such a tensor.
    """
    sample = small(sample)
    apart = entries_apart(function, sample)
    if apart is None or not has_derivative(function, sample):
        return None
    if apart:
        values = at(function, GRID, sample)
        return "pointwise" if values is None else _named(values)
    return _mixture(function, sample)


def small(sample: Sample) -> Sample:
    """`sample` with its axes cut to a few entries; a vector where it has none."""
    return tuple(min(size, _SMALL) for size in sample) or (_SMALL,)


def entries_apart(function: Function, sample: Sample) -> bool | None:
    """Whether each entry of the result depends on the same entry of the argument alone.

    Two arguments that agree in some entries must give results that agree there. `None` where the
    function does not keep the shape or can't be called on such a tensor.
    """
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 2, (2, 2, *sample)).astype("float32")
    shared = rng.random(a.shape) < 0.5
    results = [_result(function, value) for value in (a, np.where(shared, a, b))]
    if any(result is None or result.shape != a.shape for result in results):
        return None
    first, second = (np.asarray(result)[shared] for result in results)
    return bool(np.allclose(first, second, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True))


def at(function: Function, points: np.ndarray, sample: Sample = ()) -> np.ndarray | None:
    """The values [n] of a pointwise function at `points` [n], the same at every entry.

    Returns:
      `None` where entries are treated differently, as by slopes of their own for each channel.
    """
    sample = small(sample)
    ones = [1] * len(sample)
    found = _result(function, np.broadcast_to(points.reshape(-1, *ones), (len(points), *sample)))
    if found is None or found.shape != (len(points), *sample):
        return None
    flat = found.reshape(len(points), -1)
    same = np.allclose(flat, flat[:, :1], rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
    return flat[:, 0] if same else None


def never_decreases(function: Function, sample: Sample = ()) -> bool:
    """Whether a pointwise function is non-decreasing on a wide grid."""
    wide = np.concatenate([[-1e4, -100], GRID, [100, 1e4]])
    values = at(function, np.sort(wide).astype("float32"), sample)
    return values is not None and bool(np.all(np.diff(values) >= -1e-6))


def is_identity(function: Function, sample: Sample) -> bool:
    """Whether result and derivative are those of the identity, on random numbers."""
    x, upstream = np.random.default_rng(1).normal(0, 2, (2, 2, *sample)).astype("float32")
    found = _result(function, x)
    if found is None or found.shape != x.shape or not np.array_equal(found, x):
        return False
    slope = _slope(function, x, upstream)
    return slope is not None and bool(np.array_equal(slope, upstream))


def has_derivative(function: Function, sample: Sample) -> bool:
    """Whether TensorFlow knows a derivative of `function`, if only zero."""
    x, upstream = np.random.default_rng(5).normal(0, 2, (2, 2, *sample)).astype("float32")
    return _slope(function, x, upstream) is not None


def _slope(function: Function, x: np.ndarray, upstream: np.ndarray) -> tf.Tensor | None:
    def slope(given: tf.Tensor) -> tf.Tensor | None:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(given)
            y = function(given)
        return tape.gradient(y, given, output_gradients=tf.cast(upstream, y.dtype))

    try:
        if tf.executing_eagerly():
            return slope(tf.constant(x))
        with tf.init_scope():  # which stops tapes, but not those inside a graph
            return tf.function(slope, autograph=False)(tf.constant(x))
    except Exception:  # a user's code may raise anything
        return None


def is_affine(function: Function, sample: Sample) -> bool:
    """Whether `function` is a linear map plus a constant, within rounding, on random numbers.

    Its derivative has to be that map's, which behind a stopped gradient it is not.
    """
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, (2, 2, *sample)).astype("float32")
    values = [_result(function, v) for v in (a, b, 2 * a - 3 * b, np.zeros_like(a))]
    if any(value is None for value in values):
        return False
    of_a, of_b, mixed, origin = (np.asarray(v, "float64") for v in values)
    expected = 2 * of_a - 3 * of_b + 2 * origin
    size = max(float(np.abs(v).max(initial=0)) for v in (of_a, of_b, mixed))
    if not np.isfinite(size):
        return False
    fits = bool(np.abs(mixed - expected).max(initial=0) <= 1e-4 * size)
    return fits and _derives_what_it_maps(function, a, of_a - origin)


def _derives_what_it_maps(function: Function, x: np.ndarray, moved: np.ndarray) -> bool:
    """Whether `u·(f(x) - f(0)) = (Jᵀu)·x` for a linear map and a random u."""
    upstream = np.random.default_rng(6).normal(size=moved.shape).astype("float32")
    slope = _slope(function, x, upstream)
    if slope is None:
        return False
    parts = np.asarray(slope, "float64") * x
    apart = abs(float(np.sum(upstream * moved)) - float(parts.sum()))
    return apart <= 1e-3 * float(np.abs(parts).sum() + np.abs(upstream * moved).sum())


def _named(values: np.ndarray) -> str:
    for name, reference in _references().items():
        if _close(values, reference):
            return "gelu" if name == "gelu_tanh" else name
    slope = float(values[0] / GRID[0])
    if 0 < slope < 1 and _close(values, np.where(GRID > 0, GRID, slope * GRID)):
        return "leaky_relu"
    return "pointwise"


def _mixture(function: Function, sample: Sample) -> str:
    x = np.random.default_rng(3).normal(0, 2, (4, *sample)).astype("float32")
    found = _result(function, x)
    for name in MIXING:
        expected = _result(getattr(keras.activations, name), x)
        if found is not None and expected is not None and _close(found, expected):
            return name
    return "mixing"


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.all(np.abs(found - expected) <= _TOLERANCE * (1 + np.abs(expected))))


def _evaluated(function: Function, points: np.ndarray) -> np.ndarray:
    found = _result(function, points)
    assert found is not None
    return found


def _result(function: Function, x: np.ndarray) -> np.ndarray | None:
    """The function's value as float64, `None` where it can't be called on such a tensor."""
    with tf.init_scope():  # asked now, also while a function is being traced
        try:
            result: Any = function(tf.constant(x, tf.float32))
            return np.asarray(tf.cast(result, tf.float64))
        except Exception:  # a user's code may raise anything on a shape it does not expect
            return None


def copies(function: Function, sample: Sample) -> bool:
    """Whether every entry of the result is some entry of the argument, or the same for all.

    Crops, flips, permutations and paddings are known by it, on random numbers without ties.
    """
    rng = np.random.default_rng(4)
    a, b = rng.normal(0, 1, (2, 2, *sample)).astype("float32")
    of_a, of_b = _result(function, a), _result(function, b)
    if of_a is None or of_b is None or not of_a.size:
        return False
    constant = of_a == of_b
    copied = bool((np.isin(of_a, a) | constant).all() and np.isin(of_a, a).any())
    return copied and _derives_what_it_maps(function, a, np.where(constant, 0, of_a))
