"""What an attack makes of the map: the quantity it raises, and the damage it is judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.similarity import center_of_mass, check_k, top_k_mask
from tf_fragile.registry import Registry


class Objective(Protocol):
    """An objective on maps [N, ...] that are non-negative and sum to 1."""

    @property
    def select(self) -> str:
        """The rule of `selection` by which the best iterate is kept unless told otherwise."""

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` where the objective does not fit maps of this shape."""

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """What stays fixed during the attack, [N, ...], from the clean maps."""

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """The quantity [N] to raise, differentiable in `maps`."""


@dataclass(frozen=True)
class TopK:
    """Empties the k most important positions of the clean map: `-sum_{i in B} I_i`.

    Source: Ghorbani et al. 2019, section 3, "top-k attack".

    Attributes:
      k: how many positions; 1000 for ImageNet and 100 for CIFAR-10 in the paper.
    """

    k: int = 1000
    select: str = "intersection"

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` where k is larger than the map."""
        check_k(maps, self.k)

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """Mask of the k largest entries of the clean map."""
        return tf.cast(top_k_mask(reference, self.k), reference.dtype)

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """Minus the map's mass on the clean top k."""
        return -_sum(maps * fixed)


@dataclass(frozen=True)
class MassCenter:
    """Moves the map's centre of mass away: `||C(x) - C(x_t)||^2`.

    The exact gradient is zero at the clean image where map and reference come from one network.
    As in the authors' code, the reference is the clean centre cut to whole pixels, which starts
    the attack; what is reported uses float centres.

    Source: Ghorbani et al. 2019, section 3, "mass-center attack".
    """

    select: str = "center_shift"

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` for maps that are not images."""
        _need_images(maps, "mass_center")

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
      mask: the region A, bool or 0/1, [H, W] for all images or [B, H, W].
    """

    mask: Any = None
    select: str = "objective"

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` where the mask is missing, empty or of another shape."""
        if self.mask is None:
            raise InputError("The target_region attack needs mask=, an [H, W] array of 0 and 1.")
        mask = np.asarray(self.mask)
        if not tf.TensorShape(mask.shape[-2:]).is_compatible_with(maps[1:]) or mask.ndim > 3:
            raise InputError(
                f"The target region has shape {mask.shape}, the maps have {tuple(maps[1:])}; "
                "give a mask of the map's height and width."
            )
        if not mask.reshape(-1, mask.shape[-2] * mask.shape[-1]).any(axis=1).all():
            raise InputError("The target region is empty; mark at least one pixel.")

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """The region of each image, [N, H, W]."""
        mask = tf.cast(tf.convert_to_tensor(np.asarray(self.mask)), reference.dtype)
        return tf.broadcast_to(mask, tf.shape(reference))

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """The map's mass inside the region."""
        return _sum(maps * fixed)


def _sum(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))


def _need_images(maps: tf.TensorShape, objective: str) -> None:
    if maps.rank != 3:
        raise InputError(
            f"The {objective} attack needs image maps [batch, height, width], got maps of shape "
            f"{tuple(maps)}; use top_k for other inputs."
        )


OBJECTIVES: Registry[Callable[..., Objective]] = Registry("attack objective")
OBJECTIVES.register("top_k", TopK)
OBJECTIVES.register("mass_center", MassCenter)
OBJECTIVES.register("target_region", TargetRegion)
