"""Objectives on where the mass of a map sits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.objectives.objective import RULES, for_each, same_positions
from tf_fragile.errors import InputError
from tf_fragile.metrics.rows import per_sample_sum
from tf_fragile.metrics.similarity import center_of_mass
from tf_fragile.settings import check, setting


@dataclass(frozen=True)
class MassCenter:
    """Moves the map's centre of mass away: `||C(x) - C(x_t)||^2`.

    The exact gradient is zero at the clean image where map and reference come from one network.
    As in the authors' code, the reference is the clean centre cut to whole pixels, which starts
    the attack; what is reported uses float centres.

    Source: Ghorbani et al. 2019, section 3, "mass-center attack".
    """

    select: str = setting("center_shift", choices=RULES, named="selection rule")
    stationary_start: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(self)

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` for maps that are not images."""
        if maps.rank != 3:
            raise InputError(
                "The mass_center attack needs image maps [batch, height, width], got maps of "
                f"shape {tuple(maps)}; use top_k for other inputs."
            )

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """The clean centre of mass [N, 2] in whole pixels."""
        return tf.floor(center_of_mass(reference))

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """Squared distance of the centre of mass from the fixed one."""
        return tf.reduce_sum(tf.square(center_of_mass(maps) - fixed), axis=1)


@dataclass(frozen=True, eq=False)
class TargetRegion:
    """Draws the map into a region: `sum_{i in A} I_i`.

    Source: Ghorbani et al. 2019, section 3, "targeted attack".

    Attributes:
      mask: the region A, bool or 0/1, [H, W] for all images or [B, H, W] for each of the batch.
    """

    mask: Any = setting(None, values=True)
    select: str = setting("objective", choices=RULES, named="selection rule")
    stationary_start: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(self)

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` where the mask is missing, empty or of another shape."""
        if self.mask is None:
            raise InputError("The target_region attack needs mask=, an [H, W] array of 0 and 1.")
        mask = same_positions(self.mask, maps, "target region")
        if not np.isin(mask, (0, 1)).all():
            raise InputError("The target region has entries besides 0 and 1; give mask > 0 or so.")
        if not mask.reshape(-1, maps[1:].num_elements()).any(axis=1).all():
            raise InputError("The target region is empty; mark at least one pixel.")

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """The region of each image, [N, H, W]."""
        return for_each(self.mask, reference)

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """The map's mass inside the region."""
        return per_sample_sum(maps * fixed)
