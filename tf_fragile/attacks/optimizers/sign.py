"""Signs: of the gradient, the paper's attack, and of nothing at all, its control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
from tf_fragile.explainers.noise import signs
from tf_fragile.settings import LARGE, SMALL, check, is_default, setting


@dataclass(frozen=True)
class Sign:
    """Steps of one length along the gradient: the iterative attack of Ghorbani et al. 2019.

    Attributes:
      steps: iterates; 300 in the paper.
      step_size: in input units; 0.5 grey levels in the paper.
    """

    steps: int = setting(300, low=1, high=MOST_STEPS)
    step_size: float = setting(0.5, low=SMALL, high=LARGE, unit="in input units")

    def __post_init__(self) -> None:
        check(self)

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

    mode: Literal["one_shot", "walk"] = setting("one_shot", named="mode of random_sign")
    steps: int = setting(1, low=1, high=MOST_STEPS)
    step_size: float = setting(0.5, low=SMALL, high=LARGE, unit="in input units")

    def __post_init__(self) -> None:
        check(self)
        if self.mode == "one_shot" and self.steps != 1:
            raise InputError(
                f"random_sign with mode 'one_shot' takes 1 step, not steps={self.steps}; use "
                "'walk'."
            )
        if self.mode == "one_shot" and not is_default(self, "step_size"):
            raise InputError(
                "random_sign with mode 'one_shot' moves by the whole radius and takes no "
                "step_size; leave it out, or use 'walk'."
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
