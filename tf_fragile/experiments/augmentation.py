"""Random shifts and mirror images for training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]


def mirrored(images: Images, rng: np.random.Generator) -> Images:
    """Mirrors half of the images left to right; `[B, H, W, C]` to the same."""
    chosen = rng.random(len(images)) < 0.5
    return np.where(chosen[:, None, None, None], images[:, :, ::-1], images)


def shifted(images: Images, fraction: float, rng: np.random.Generator) -> Images:
    """Shifts each image by whole pixels, repeating its edge.

    Args:
      images: `[B, H, W, C]`.
      fraction: largest shift as a fraction of the side.
      rng: where the shifts come from.

    Returns:
      Images of the same shape.
    """
    count, height, width = images.shape[:3]
    rows, columns = (
        np.clip(np.arange(side) + _shifts(rng, count, round(fraction * side)), 0, side - 1)
        for side in (height, width)
    )
    moved: npt.NDArray[np.float32] = images[
        np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]
    ]
    return moved


def _shifts(rng: np.random.Generator, count: int, largest: int) -> npt.NDArray[np.int64]:
    return rng.integers(-largest, largest + 1, size=(count, 1))
