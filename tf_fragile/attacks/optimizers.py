"""How an attack moves: one proposal from one iterate, before projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import tensorflow as tf

from tf_fragile.attacks.constraints import Box
from tf_fragile.errors import InputError
from tf_fragile.explainers.noise import signs
from tf_fragile.registry import Registry

Ascent = Callable[[tf.Tensor], tf.Tensor]


class Optimizer(Protocol):
    """A way to move.

    Attributes:
      steps: iterates.
      gradients_per_step: evaluations of the objective's derivative in a step, for the cost.
    """

    @property
    def steps(self) -> int:
        """Iterates."""

    @property
    def gradients_per_step(self) -> int:
        """Derivatives of the objective in a step."""

    def propose(
        self,
        x: tf.Tensor,
        box: Box,
        unit: tf.Tensor,
        ascent: Ascent,
        step: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """The next iterate before projection.

        Args:
          x: the current iterate [N, ...].
          box: where it may go.
          unit: the size of one input unit in model units, broadcasting.
          ascent: gives the objective's gradient at a point; call it only if needed.
          step: int32 scalar, 0 for the first.
          seed: int32 [N, 2].
        """


@dataclass(frozen=True)
class Sign:
    """Steps along the sign of the gradient: the iterative attack of Ghorbani et al. 2019.

    Attributes:
      steps: iterates; 300 in the paper.
      step_size: in input units; 0.5 grey levels in the paper.
    """

    steps: int = 300
    step_size: float = 0.5

    @property
    def gradients_per_step(self) -> int:
        """One derivative of the objective a step."""
        return 1

    def __post_init__(self) -> None:
        _check(self.steps, self.step_size)

    def propose(
        self,
        x: tf.Tensor,
        box: Box,
        unit: tf.Tensor,
        ascent: Ascent,
        step: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """`x + step_size * sign(gradient)`; sign(0) = 0."""
        return x + self.step_size * unit * tf.sign(ascent(x))


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

    @property
    def gradients_per_step(self) -> int:
        """None: the control takes no derivative."""
        return 0

    def __post_init__(self) -> None:
        _check(self.steps, self.step_size)
        if self.mode not in ("one_shot", "walk"):
            raise InputError(f"random_sign has modes 'one_shot' and 'walk', not {self.mode!r}.")
        if self.mode == "one_shot" and self.steps != 1:
            raise InputError(
                f"random_sign with mode 'one_shot' takes 1 step, not {self.steps}; use 'walk'."
            )

    def propose(
        self,
        x: tf.Tensor,
        box: Box,
        unit: tf.Tensor,
        ascent: Ascent,
        step: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """The clean input plus the radius, or the iterate plus a step, times random signs."""
        noise = signs(seed, step, x)
        if self.mode == "one_shot":
            return box.start + box.radius * noise
        return x + self.step_size * unit * noise


def _check(steps: int, step_size: float) -> None:
    if steps < 1:
        raise InputError(f"An attack needs steps >= 1, got {steps}.")
    if not step_size > 0:
        raise InputError(f"An attack needs step_size > 0 (in input units), got {step_size}.")


OPTIMIZERS: Registry[Callable[..., Optimizer]] = Registry("attack optimizer")
OPTIMIZERS.register("sign", Sign)
OPTIMIZERS.register("random_sign", RandomSign)
