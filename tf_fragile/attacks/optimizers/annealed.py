"""Momentum steps that shrink to nothing, along second derivatives or along differences of maps."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.attacks.constraints import Ball
from tf_fragile.attacks.cost import Cost
from tf_fragile.attacks.optimizers.optimizer import (
    MOST_STEPS,
    Iterate,
    Move,
    nobody,
)
from tf_fragile.attacks.oracle import Oracle
from tf_fragile.errors import InputError
from tf_fragile.metrics.rows import per_sample_mean
from tf_fragile.settings import LARGE, SMALL, check, is_default, setting


@dataclass(frozen=True)
class AnnealedMomentum:
    """Momentum steps that shrink from the whole radius to nothing, drawn back to the label region.

    `M <- mu M + G / mean|G|`, `D = M / mean|M|`, then a step of `radius (1 - t / T)` along D. The
    large first steps change which units are active, the small last ones land precisely. Where the
    margin of the label falls below `kappa` of the clean one, `pull` times its gradient is added
    to D: an attack that leaves the label region would find nothing more.

    Source: momentum after Dong et al. 2018; the combination is ours.

    Attributes:
      steps: iterates, T.
      momentum: mu, from 0 to below 1.
      pull: weight of the way back; 0 for none.
      kappa: the share of the clean margin below which the way back is taken.
    """

    steps: int = setting(10, low=1, high=MOST_STEPS)
    momentum: float = setting(0.75, low=0, below=1)
    pull: float = setting(2.0, low=0, high=1e6)
    kappa: float = setting(0.05, low=0, high=1)

    def __post_init__(self) -> None:
        _check_annealing(self)

    @property
    def cost(self) -> Cost:
        """One derivative of the objective."""
        return Cost(derivatives=1)

    def propose(self, at: Iterate, ball: Ball, oracle: Oracle) -> Move:
        """See the class."""
        progress = tf.cast(at.step, at.x.dtype) / self.steps
        return _annealed(self, at, oracle.ascent(at.x, progress), ball, oracle)


@dataclass(frozen=True)
class Secant:
    """`annealed_momentum` with differences of maps in place of second derivatives.

    For maps whose Jacobian is symmetric, a Hessian times whatever, the objective's gradient is a
    directional derivative of the map itself: two more maps give it, on the true network, without
    surrogate, so that operations whose second derivatives are wrong or missing do no harm.

    Source: central differences; valid since a Hessian is symmetric.

    Attributes:
      steps: iterates.
      h: how far from the iterate the maps are taken, root mean square, in input units.
      momentum: see `AnnealedMomentum`.
      pull: likewise.
      kappa: likewise.
    """

    steps: int = setting(10, low=1, high=MOST_STEPS)
    h: float = setting(0.5, low=SMALL, high=LARGE, unit="in input units")
    momentum: float = setting(0.75, low=0, below=1)
    pull: float = setting(2.0, low=0, high=1e6)
    kappa: float = setting(0.05, low=0, high=1)

    def __post_init__(self) -> None:
        _check_annealing(self)

    @property
    def cost(self) -> Cost:
        """Three maps."""
        return Cost(maps=3)

    def propose(self, at: Iterate, ball: Ball, oracle: Oracle) -> Move:
        """See the class."""
        return _annealed(self, at, oracle.secant(at.x, self.h), ball, oracle)


def _annealed(
    settings: AnnealedMomentum | Secant,
    at: Iterate,
    gradient: tf.Tensor,
    ball: Ball,
    oracle: Oracle,
) -> Move:
    """The step that both optimisers take from a gradient."""
    momentum = settings.momentum * at.momentum + _to_unit_mean(gradient)
    direction = _to_unit_mean(momentum)
    pulled = oracle.slack < settings.kappa if settings.pull else nobody(at.x)

    def drawn_back() -> tf.Tensor:
        wide = tf.reshape(pulled, [-1] + [1] * (at.x.shape.rank - 1))
        back = settings.pull * _to_unit_mean(oracle.retreat(at.x))
        return direction + tf.where(wide, back, tf.zeros_like(back))

    direction = tf.cond(tf.reduce_any(pulled), drawn_back, lambda: direction)
    left = 1 - tf.cast(at.step, at.x.dtype) / settings.steps
    return Move(at.x + ball.along(direction, ball.radius * left), momentum, pulled)


def _to_unit_mean(x: tf.Tensor) -> tf.Tensor:
    """`x` [N, ...] over its mean magnitude, per sample; zeros stay zeros."""
    return tf.math.divide_no_nan(x, per_sample_mean(tf.abs(x), keepdims=True))


def _check_annealing(settings: AnnealedMomentum | Secant) -> None:
    check(settings)
    if settings.pull == 0 and not is_default(settings, "kappa"):
        raise InputError(
            "kappa says when an attack is drawn back to its label, and pull=0 never draws it back; "
            "leave one of them out."
        )
