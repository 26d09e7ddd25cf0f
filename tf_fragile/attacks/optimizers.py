"""How an attack moves: one proposal from one iterate, before projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import tensorflow as tf

from tf_fragile.attacks.constraints import Ball
from tf_fragile.attacks.cost import Cost
from tf_fragile.attacks.oracle import Oracle
from tf_fragile.errors import InputError
from tf_fragile.explainers.noise import signs
from tf_fragile.registry import Registry


class Move(NamedTuple):
    """A proposal.

    Attributes:
      x: the next iterate before projection [N, ...].
      momentum: what the optimiser remembers, of the shape of `x`.
      pulled: bool [N], whether a row was drawn back towards its label, at the cost of a gradient.
    """

    x: tf.Tensor
    momentum: tf.Tensor
    pulled: tf.Tensor


class Optimizer(Protocol):
    """A way to move."""

    @property
    def steps(self) -> int:
        """Iterates."""

    @property
    def cost(self) -> Cost:
        """Of one step, without its scoring and without pulls."""

    def propose(
        self,
        x: tf.Tensor,
        momentum: tf.Tensor,
        ball: Ball,
        oracle: Oracle,
        step: tf.Tensor,
        seed: tf.Tensor,
    ) -> Move:
        """The next iterate before projection.

        Args:
          x: the current iterate [N, ...].
          momentum: what the last step remembered; zeros at first.
          ball: where it may go.
          oracle: ask it only for what is needed.
          step: int32 scalar, 0 for the first.
          seed: int32 [N, 2].
        """


@dataclass(frozen=True)
class Sign:
    """Steps of one length along the gradient: the iterative attack of Ghorbani et al. 2019.

    Attributes:
      steps: iterates; 300 in the paper.
      step_size: in input units; 0.5 grey levels in the paper.
    """

    steps: int = 300
    step_size: float = 0.5

    def __post_init__(self) -> None:
        _check_steps(self.steps)
        _check_positive("step_size", self.step_size)

    @property
    def cost(self) -> Cost:
        """One derivative of the objective."""
        return Cost(derivatives=1)

    def propose(
        self,
        x: tf.Tensor,
        momentum: tf.Tensor,
        ball: Ball,
        oracle: Oracle,
        step: tf.Tensor,
        seed: tf.Tensor,
    ) -> Move:
        """`x + step_size * sign(gradient)` in the L∞ ball; sign(0) = 0."""
        gradient = oracle.ascent(x, tf.cast(step, x.dtype) / self.steps)
        return Move(x + ball.along(gradient, self.step_size), momentum, _nobody(x))


@dataclass(frozen=True)
class RandomSign:
    """The control: random signs, no gradient.

    Attributes:
      mode: `"one_shot"`, every entry moved by plus or minus the radius once (the paper), or
        `"walk"`, fresh signs at every step inside the same projected loop (the authors' code).
      steps: iterates of the walk; one shot always takes 1.
      step_size: of the walk, in input units.
    """

    mode: Literal["one_shot", "walk"] = "one_shot"
    steps: int = 1
    step_size: float = 0.5

    def __post_init__(self) -> None:
        _check_steps(self.steps)
        _check_positive("step_size", self.step_size)
        if self.mode not in ("one_shot", "walk"):
            raise InputError(f"random_sign has modes 'one_shot' and 'walk', not {self.mode!r}.")
        if self.mode == "one_shot" and self.steps != 1:
            raise InputError(
                f"random_sign with mode 'one_shot' takes 1 step, not {self.steps}; use 'walk'."
            )

    @property
    def cost(self) -> Cost:
        """Nothing but the scoring."""
        return Cost()

    def propose(
        self,
        x: tf.Tensor,
        momentum: tf.Tensor,
        ball: Ball,
        oracle: Oracle,
        step: tf.Tensor,
        seed: tf.Tensor,
    ) -> Move:
        """The clean input plus the radius, or the iterate plus a step, times random signs."""
        noise = signs(seed, step, x)
        if self.mode == "one_shot":
            return Move(ball.start + ball.along(noise, ball.radius), momentum, _nobody(x))
        return Move(x + ball.along(noise, self.step_size), momentum, _nobody(x))


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

    steps: int = 10
    momentum: float = 0.75
    pull: float = 2.0
    kappa: float = 0.05

    def __post_init__(self) -> None:
        _check_annealing(self.steps, self.momentum, self.pull)

    @property
    def cost(self) -> Cost:
        """One derivative of the objective."""
        return Cost(derivatives=1)

    def propose(
        self,
        x: tf.Tensor,
        momentum: tf.Tensor,
        ball: Ball,
        oracle: Oracle,
        step: tf.Tensor,
        seed: tf.Tensor,
    ) -> Move:
        """See the class."""
        progress = tf.cast(step, x.dtype) / self.steps
        gradient = oracle.ascent(x, progress)
        return _annealed(self, x, momentum, gradient, ball, oracle, progress)


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

    steps: int = 10
    h: float = 0.5
    momentum: float = 0.75
    pull: float = 2.0
    kappa: float = 0.05

    def __post_init__(self) -> None:
        _check_annealing(self.steps, self.momentum, self.pull)
        _check_positive("h", self.h)

    @property
    def cost(self) -> Cost:
        """Three maps."""
        return Cost(maps=3)

    def propose(
        self,
        x: tf.Tensor,
        momentum: tf.Tensor,
        ball: Ball,
        oracle: Oracle,
        step: tf.Tensor,
        seed: tf.Tensor,
    ) -> Move:
        """See the class."""
        progress = tf.cast(step, x.dtype) / self.steps
        return _annealed(self, x, momentum, oracle.secant(x, self.h), ball, oracle, progress)


def _annealed(
    settings: AnnealedMomentum | Secant,
    x: tf.Tensor,
    momentum: tf.Tensor,
    gradient: tf.Tensor,
    ball: Ball,
    oracle: Oracle,
    progress: tf.Tensor,
) -> Move:
    """The step that both annealed optimisers take from a gradient."""
    momentum = settings.momentum * momentum + _to_unit_mean(gradient)
    direction = _to_unit_mean(momentum)
    pulled = oracle.slack < settings.kappa if settings.pull else _nobody(x)

    def drawn_back() -> tf.Tensor:
        wide = tf.reshape(pulled, [-1] + [1] * (x.shape.rank - 1))
        back = settings.pull * _to_unit_mean(oracle.retreat(x))
        return direction + tf.where(wide, back, tf.zeros_like(back))

    direction = tf.cond(tf.reduce_any(pulled), drawn_back, lambda: direction)
    moved = x + ball.along(direction, ball.radius * (1 - progress))
    return Move(moved, momentum, pulled)


def _to_unit_mean(x: tf.Tensor) -> tf.Tensor:
    """`x` [N, ...] over its mean magnitude, per sample; zeros stay zeros."""
    axes = list(range(1, x.shape.rank))
    return tf.math.divide_no_nan(x, tf.reduce_mean(tf.abs(x), axes, keepdims=True))


def _nobody(x: tf.Tensor) -> tf.Tensor:
    return tf.zeros([tf.shape(x)[0]], tf.bool)


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise InputError(f"An attack needs steps >= 1, got {steps}.")


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise InputError(f"An attack needs {name} > 0 (in input units), got {value}.")


def _check_annealing(steps: int, momentum: float, pull: float) -> None:
    _check_steps(steps)
    if not 0 <= momentum < 1:
        raise InputError(f"An attack needs a momentum of at least 0 and below 1, got {momentum}.")
    if not pull >= 0:
        raise InputError(f"An attack needs pull >= 0, got {pull}.")


OPTIMIZERS: Registry[Callable[..., Optimizer]] = Registry("attack optimizer")
OPTIMIZERS.register("sign", Sign)
OPTIMIZERS.register("random_sign", RandomSign)
OPTIMIZERS.register("annealed_momentum", AnnealedMomentum)
OPTIMIZERS.register("secant", Secant)
