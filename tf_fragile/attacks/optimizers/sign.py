"""Signs: of the gradient, the paper's attack, and of nothing at all, its control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from tf_fragile.attacks.constraints import Ball
from tf_fragile.attacks.cost import Cost
from tf_fragile.attacks.optimizers.optimizer import (
    Iterate,
    Move,
    check_positive,
    check_steps,
    nobody,
)
from tf_fragile.attacks.oracle import Oracle
from tf_fragile.errors import InputError
from tf_fragile.explainers.noise import signs


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
        check_steps(self.steps)
        check_positive("step_size", self.step_size)

    @property
    def cost(self) -> Cost:
        """One derivative of the objective."""
        return Cost(derivatives=1)

    def propose(self, at: Iterate, ball: Ball, oracle: Oracle) -> Move:
        """`x + step_size * sign(gradient)` in the L∞ ball; sign(0) = 0."""
        gradient = oracle.ascent(at.x, tf.cast(at.step, at.x.dtype) / self.steps)
        return Move(at.x + ball.along(gradient, self.step_size), at.momentum, nobody(at.x))


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
        check_steps(self.steps)
        check_positive("step_size", self.step_size)
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

    def propose(self, at: Iterate, ball: Ball, oracle: Oracle) -> Move:
        """The clean input plus the radius, or the iterate plus a step, times random signs."""
        noise = signs(at.seed, at.step, at.x)
        if self.mode == "one_shot":
            x = ball.start + ball.along(noise, ball.radius)
        else:
            x = at.x + ball.along(noise, self.step_size)
        return Move(x, at.momentum, nobody(x))
