"""Quadrature rules on [0, 1] for path integrals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tf_fragile.errors import InputError
from tf_fragile.registry import Registry

Rule = Callable[[int], tuple[np.ndarray, np.ndarray]]

RULES: Registry[Rule] = Registry("quadrature rule")
_MOST_LEGENDRE = 1000  # exact for polynomials of degree 1999; its nodes cost points cubed


def quadrature(rule: str, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights, float64 [points] each, of a rule; the weights sum to 1.

    Args:
      rule: `"right"` (k/M, k = 1..M: Ghorbani et al. 2019), `"left"` (k = 0..M-1), `"trapezoid"`
        (both ends, half weight), `"gauss_legendre"`, `"stratified"` (k/M, k = 0..M-1, to each of
        which a random number below 1/M is to be added).
      points: the number of gradient evaluations, at least 1 (2 for the trapezoid), for
        `"gauss_legendre"` at most 1000.

    Raises:
      InputError: too few points or too many, or an unknown rule.
    """
    least = 2 if rule == "trapezoid" else 1
    if points < least:
        raise InputError(f"Rule {rule!r} needs steps >= {least}, got {points}.")
    if rule == "gauss_legendre" and points > _MOST_LEGENDRE:
        raise InputError(
            f"Rule 'gauss_legendre' takes at most {_MOST_LEGENDRE:,} steps, which are exact for "
            f"polynomials of twice that degree, got {points:,}; give fewer."
        )
    return RULES[rule](points)


def _left(points: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(points) / points, np.full(points, 1 / points)


def _right(points: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(1, points + 1) / points, np.full(points, 1 / points)


def _trapezoid(points: int) -> tuple[np.ndarray, np.ndarray]:
    weights = np.full(points, 1 / (points - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, points), weights


def _gauss_legendre(points: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return (nodes + 1) / 2, weights / 2


RULES.register("left", _left)
RULES.register("right", _right)
RULES.register("stratified", _left)
RULES.register("trapezoid", _trapezoid)
RULES.register("gauss_legendre", _gauss_legendre)
