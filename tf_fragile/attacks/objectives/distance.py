"""Objectives on the distance of the whole map, from the clean one or to a given one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import tensorflow as tf

from tf_fragile.attacks.objectives.objective import RULES, for_each, same_positions
from tf_fragile.errors import InputError
from tf_fragile.metrics.maps import normalise
from tf_fragile.metrics.rows import as_rows, from_rows, per_sample_sum
from tf_fragile.settings import check, setting

Kind = Literal["squared", "cosine", "pearson"]


@dataclass(frozen=True, eq=False)
class TargetMap:
    """Makes the map look like a given one: `-||I - M||^2`, M summing to 1.

    Source: Dombrowski et al. 2019, "Explanations can be manipulated and geometry is to blame",
    equation 1, first term; the label here is kept by selection.

    Attributes:
      target_map: the map M without negative entries and of any sum, [H, W] for all images or
        [B, H, W] for each of the batch; rows of a table take [D] or [B, D].
    """

    target_map: Any = setting(None, values=True)
    select: str = setting("objective", choices=RULES, named="selection rule")
    stationary_start: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(self)

    def check(self, maps: tf.TensorShape) -> None:
        """Raises `InputError` where the map is missing, empty, negative or of another shape."""
        if self.target_map is None:
            raise InputError(
                "The target_map attack needs target_map=, an [H, W] array without negative entries."
            )
        wanted = same_positions(self.target_map, maps, "target map")
        if (wanted < 0).any():
            raise InputError(
                "The target map has negative entries, which no map of absolute values can match; "
                "give its absolute values."
            )
        if not wanted.reshape(-1, maps[1:].num_elements()).any(axis=1).all():
            raise InputError("The target map is all zero; give at least one position some weight.")

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """The wanted map of each sample, summing to 1."""
        return normalise(for_each(self.target_map, reference), "unit_sum")

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """Minus the squared distance to the wanted map."""
        return -per_sample_sum(tf.square(maps - fixed))


@dataclass(frozen=True)
class Distance:
    """Moves the map away from the clean one, wherever that leads.

    Stationary at the start: where map and reference come from one network the gradient at the
    clean input is exactly zero, so the attack must start elsewhere. (A surrogate's map differs
    from the reference; the direction from one to the other is not worth following either.)

    Attributes:
      kind: `"squared"`, `||I - I_0||^2`; `"cosine"`, 1 minus the cosine; `"pearson"`, 1 minus
        the linear correlation over positions. The last two are NaN for a map that is all zero,
        or for pearson constant.
    """

    kind: Kind = setting("squared", named="kind of distance")
    select: str = setting("objective", choices=RULES, named="selection rule")
    stationary_start: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check(self)

    def check(self, maps: tf.TensorShape) -> None:
        """Fits maps of every shape."""

    def fixed(self, reference: tf.Tensor) -> tf.Tensor:
        """The clean map, or its direction."""
        return reference if self.kind == "squared" else self._direction(reference)

    def value(self, maps: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        """The distance from the clean map."""
        if self.kind == "squared":
            return per_sample_sum(tf.square(maps - fixed))
        direction = self._direction(maps)
        # 1 - cos = ||u - v||^2 / 2 for unit vectors, without the cancellation near 1.
        distance = per_sample_sum(tf.square(direction - fixed)) / 2
        defined = (per_sample_sum(tf.abs(direction)) > 0) & (per_sample_sum(tf.abs(fixed)) > 0)
        return tf.where(defined, distance, tf.constant(float("nan"), distance.dtype))

    def _direction(self, maps: tf.Tensor) -> tf.Tensor:
        rows = as_rows(maps)
        if self.kind == "pearson":
            present = as_rows(tf.ones_like(maps))
            count = tf.reduce_sum(present, 1, keepdims=True)
            rows -= tf.reduce_sum(rows, 1, keepdims=True) / count * present
        squared = tf.reduce_sum(tf.square(rows), 1, keepdims=True)
        unit = rows / tf.sqrt(tf.where(squared > 0, squared, tf.ones_like(squared)))
        return from_rows(unit, maps)
