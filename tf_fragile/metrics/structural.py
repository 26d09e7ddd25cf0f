"""Structural similarity of two maps; NumPy, for reporting rather than for attack loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.metrics import structural_similarity

from tf_fragile.errors import InputError

WINDOW = 7
_SIMILARITY: Callable[..., Any] = structural_similarity  # whose arguments have no types


def ssim(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Mean structural similarity (Wang et al. 2004) of each pair of maps.

    Preset: both maps of a pair are divided by the largest absolute value in either; a uniform
    7 x 7 window with sample covariance, or the largest odd window that fits a smaller map;
    C1 = (0.01 L)^2, C2 = (0.03 L)^2 with the range L always explicit: 1 for a pair without
    negative entries, 2 for a signed pair. The value depends on all of these, so compare only
    numbers of one preset.

    Args:
      a: `[B, H, W]` float maps, H and W at least 3.
      b: maps of the same shape.

    Returns:
      `[B]` in [-1, 1]; NaN where both maps of a pair are all zero or one is not finite.

    Raises:
      InputError: if the shapes differ, are not `[B, H, W]`, or a side is below 3.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 3 or min(first.shape[1:]) < 3:
        raise InputError(
            f"SSIM needs two batches [B, H, W] of one shape with sides of at least 3, not "
            f"{first.shape} and {second.shape}; leave this metric out for such data."
        )
    return np.array([_ssim_pair(x, y) for x, y in zip(first, second, strict=True)])


def _ssim_pair(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    scale = max(np.abs(a).max(), np.abs(b).max())
    if not scale > 0 or not np.isfinite(scale):
        return float("nan")
    a, b = a / scale, b / scale
    side = min(a.shape)
    value = _SIMILARITY(
        a,
        b,
        win_size=min(WINDOW, side if side % 2 else side - 1),
        data_range=2.0 if min(a.min(), b.min()) < 0 else 1.0,
    )
    return float(value)
