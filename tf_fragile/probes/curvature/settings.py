"""What the curvature probe is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from tf_fragile.settings import MOST, check, setting


@dataclass(frozen=True)
class PowerIteration:
    """When a power iteration ends.

    Attributes:
      tolerance: a row stops when one more iteration changes its |cosine| with the gradient by
        less than this, and its |cosine| with the last vector is closer than this to 1.
      max_iterations: of two Hessian-vector products each.
    """

    tolerance: float = setting(1e-4, low=1e-15, below=1)
    max_iterations: int = setting(300, low=1, high=MOST)

    def __post_init__(self) -> None:
        check(self, "{} of the power iteration")


@dataclass(frozen=True)
class CurvatureSettings:
    """How the most fragile direction is looked for.

    Attributes:
      tolerance: as of `PowerIteration`.
      max_iterations: likewise.
      beta: sharpness of the softplus that stands in for ReLU, which has no curvature of its own;
        by the width of the inputs' range where `None`.
    """

    tolerance: float = setting(
        1e-4, low=1e-15, below=1, help="Change of a cosine at which the power iteration ends."
    )
    max_iterations: int = setting(300, low=1, high=MOST, help="Of the power iteration, at most.")
    beta: float | None = setting(
        None, low=1e-6, high=1e6, help="Sharpness of the softplus; by the inputs' scale if none."
    )

    def __post_init__(self) -> None:
        check(self, "{} of curvature")

    @property
    def iteration(self) -> PowerIteration:
        """When the power iteration ends."""
        return PowerIteration(self.tolerance, self.max_iterations)
