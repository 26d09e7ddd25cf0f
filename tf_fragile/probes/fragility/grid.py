"""Whether a ball holds any other image: the data may not tell apart what is so near."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-6  # of the range: one number, computed twice


def finest_step(images: NDArray[np.float32], low: float, high: float) -> float:
    """The smallest difference of two values anywhere in the data, in their units.

    Args:
      images: `[N, ...]`, as they are stored.
      low: smallest value there can be.
      high: largest.

    Returns:
      1/255 of the range for data that were made from 8-bit pictures, say; a difference that
      rounding makes of equal numbers does not count. Infinite where all values are equal.
    """
    steps = np.diff(np.unique(images.astype(np.float64)))
    steps = steps[steps > _ROUNDING * (high - low)]
    return float(steps.min()) if steps.size else float("inf")


def grid_doubt(radius: float, step: float) -> str:
    """Why a ball of `radius` says nothing where data have steps of `step`; empty where it does."""
    if radius >= step * (1 - 1e-3):
        return ""
    return (
        f"no other image lies within epsilon = {radius:.3g}, for no two values of the data differ "
        f"by less than {step:.3g}"
    )
