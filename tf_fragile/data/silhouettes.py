"""The ten object outlines of the embedded data: which points of [-1, 1]^2 lie inside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MARGIN = 1.12
"""Outlines are shrunk by this much, so that a turned one still fits its square."""


def silhouette(name: str, side: int, angle: float) -> Mask:
    """The outline called `name`, `side` pixels wide and turned by `angle` radians.

    Returns:
      `[side, side]` booleans, true inside.
    """
    axis = np.linspace(-1, 1, side) * MARGIN
    x, y = np.meshgrid(axis, axis)
    turned_x = x * np.cos(angle) + y * np.sin(angle)
    turned_y = y * np.cos(angle) - x * np.sin(angle)
    return SILHOUETTES[name](turned_x, turned_y)


def _box(x: Field, y: Field, left: float, right: float, top: float, bottom: float) -> Mask:
    return (x >= left) & (x <= right) & (y >= top) & (y <= bottom)


def _disc(x: Field, y: Field) -> Mask:
    return np.hypot(x, y) <= 1


def _square(x: Field, y: Field) -> Mask:
    return _box(x, y, -0.8, 0.8, -0.8, 0.8)


def _star(x: Field, y: Field) -> Mask:
    # The polar angle is measured from the top, so that one petal points up.
    inside: Mask = np.hypot(x, y) <= 0.65 + 0.35 * np.cos(5 * np.arctan2(x, -y))
    return inside


def _triangle(x: Field, y: Field) -> Mask:
    return (y <= 0.8) & (np.abs(x) <= 0.55 * (y + 0.95))


def _cross(x: Field, y: Field) -> Mask:
    return _box(x, y, -1, 1, -0.3, 0.3) | _box(x, y, -0.3, 0.3, -1, 1)


def _ring(x: Field, y: Field) -> Mask:
    radius = np.hypot(x, y)
    return (radius <= 1) & (radius >= 0.55)


def _crescent(x: Field, y: Field) -> Mask:
    # Moved so that its bounding box, like the others', is centred.
    return (np.hypot(x - 0.15, y) <= 1) & (np.hypot(x - 0.6, y) > 0.75)


def _diamond(x: Field, y: Field) -> Mask:
    return np.abs(x) + np.abs(y) <= 1.05


def _tee(x: Field, y: Field) -> Mask:
    return _box(x, y, -0.9, 0.9, -0.9, -0.35) | _box(x, y, -0.28, 0.28, -0.9, 0.9)


def _ell(x: Field, y: Field) -> Mask:
    return _box(x, y, -0.8, -0.2, -0.9, 0.9) | _box(x, y, -0.8, 0.8, 0.35, 0.9)


SILHOUETTES: dict[str, Callable[[Field, Field], Mask]] = {
    "crescent": _crescent,
    "cross": _cross,
    "diamond": _diamond,
    "disc": _disc,
    "ell": _ell,
    "ring": _ring,
    "square": _square,
    "star": _star,
    "tee": _tee,
    "triangle": _triangle,
}
"""Object classes in alphabetical order, which is the order of their labels."""
