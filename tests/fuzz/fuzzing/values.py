"""What a value may be, by an oracle of a few lines, and the pools that values are drawn from."""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


class Odd:
    """An object of somebody else's."""

    def __repr__(self) -> str:
        raise RuntimeError("no words for it")


NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**40, 10**9, -(10**9), 10**400, float("nan"),
    float("inf"), -float("inf"), 1e300, -1e300, 1e-320, "", " ", "abc", "5", "True", "nan", b"x",
    "\x1b[31m", "grad ient", [], [1, 2], [[1], [1, 2]], (), {}, {"a": 1}, {1}, Odd(), object(), int,
    np.int64(3), np.uint64(2**63), np.float32(0.5), np.float64("nan"), np.bool_(True),
    np.array(2), np.array([1.0, 2.0]), np.array([]), np.array("a"), np.array([None]),
    1 + 2j, np.complex64(1), "x" * 10_000, lambda: 0, print,
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What one setting may be.

    Attributes:
      good: values that have a meaning.
      may: whether a value has one; `None` where this oracle has no opinion.
    """

    good: tuple[Any, ...]
    may: Callable[[Any], bool | None]


def whole(low: int, *good: int, high: int = 10**6, none: bool = False) -> Kind:
    """Whole numbers, never truth values."""

    def may(value: Any) -> bool:
        number = _index(value)
        return none if value is None else number is not None and low <= number <= high

    return Kind((*good, np.int64(good[0]), *((None,) if none else ())), may)


def real(
    low: float, *good: float, high: float = 1e30, open_low: bool = False, none: bool = False
) -> Kind:
    """Finite numbers, never truth values."""

    def may(value: Any) -> bool:
        if value is None:
            return none
        number = _float(value)
        above = number is not None and (number > max(low, 1e-30) if open_low else number >= low)
        return above and number is not None and number <= high

    return Kind((*good, np.float32(good[0]), *((None,) if none else ())), may)


def truth() -> Kind:
    return Kind((True, False, np.bool_(True)), lambda value: isinstance(value, (bool, np.bool_)))


def word(*known: str, none: bool = False) -> Kind:
    def may(value: Any) -> bool:
        return none if value is None else isinstance(value, str) and value in known

    return Kind((*known, *((None,) if none else ())), may)


def numbers(shape: tuple[int, ...], none: bool = False) -> Kind:
    """Finite numbers that broadcast to one sample of `shape`."""

    def may(value: Any) -> bool:
        if value is None:
            return none
        array = array_of(value)
        if array is None or not array.size or not (np.abs(array.astype(float)) < 3.4e38).all():
            return False
        try:
            return np.broadcast_shapes(array.shape, (1, *shape))[1:] == shape
        except ValueError:
            return False

    return Kind((0, 0.5, np.zeros(shape), np.full(shape, 0.25, np.float32)), may)


def nothing() -> Kind:
    """A setting that nothing fits, for another makes it useless or it is unknown."""
    return Kind((0.5, 1, "a"), lambda value: False)


def drawn(kind: Kind, rng: random.Random, share: float = 0.7) -> Any:
    """A nasty value, or one in so many a good one."""
    return rng.choice(NASTY) if rng.random() < share else rng.choice(kind.good)


def _index(value: Any) -> int | None:
    if isinstance(value, (bool, np.bool_)) or getattr(value, "shape", ()):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _float(value: Any) -> float | None:
    if isinstance(value, (bool, np.bool_, str, bytes, complex, np.complexfloating)):
        return None
    if isinstance(value, np.ndarray) and (value.ndim or value.dtype.kind not in "iuf"):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if math.isfinite(number) and abs(number) <= 3.4e38 else None


def array_of(value: Any) -> np.ndarray | None:
    if isinstance(value, (bool, np.bool_, dict, set)):
        return None
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in "iuf" else None


def is_batch(value: Any, shape: Sequence[int]) -> bool:
    """Whether it is a batch of finite real numbers, each sample of `shape`."""
    try:
        array = np.asarray(value)
    except Exception:
        return False
    fits = array.ndim == len(shape) + 1 and array.shape[1:] == tuple(shape) and len(array) > 0
    with np.errstate(all="ignore"):
        return fits and array.dtype.kind in "iufb" and bool(np.isfinite(array.astype("f4")).all())
