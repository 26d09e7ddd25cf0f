"""Statistics of a map under Gaussian noise on the input: mean, mean square, variance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError, shown
from tf_fragile.explainers.accumulate import sum_over
from tf_fragile.explainers.contract import Method, Symmetric
from tf_fragile.explainers.gradient import Gradient, GradientXInput
from tf_fragile.explainers.noise import folded, normal
from tf_fragile.settings import MOST, check, setting

Statistic = Literal["mean", "mean_square", "variance"]


@dataclass(frozen=True)
class SmoothGrad:
    """A statistic of the base map over noisy copies of the input, in constant memory.

    Source: the mean, Smilkov et al. 2017; the mean square, Hooker et al. 2019; the population
    variance ("VarGrad"), Adebayo et al. 2018.

    Attributes:
      samples: noisy copies.
      noise_level: standard deviation as a share of the sample's own range, max(x) - min(x).
      base: the method whose maps are averaged.
      statistic: what is computed from the maps.
    """

    samples: int = setting(25, low=1, high=MOST)
    noise_level: float = setting(0.15, low=0, high=100)
    base: Method = field(default_factory=Gradient)
    statistic: Statistic = "mean"

    def __post_init__(self) -> None:
        check(self)
        if not isinstance(self.base, Method):
            raise InputError(
                f"base of SmoothGrad is {shown(self.base)}; give the name of an explainer, or a "
                "method."
            )

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return (self.samples + (self.statistic == "variance")) * self.base.evaluations

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`."""
        flat = tf.nest.flatten(x)
        spread = [_noise_scale(tensor, self.noise_level) for tensor in flat]
        shift = self._shift(network, x, target, seed)

        def term(i: tf.Tensor, *inputs: tf.Tensor) -> list[tf.Tensor]:
            tensors, scales = inputs[: len(flat)], inputs[len(flat) :]
            noisy = [
                tensor + scale * normal(seed, i * len(flat) + j, tensor)
                for j, (tensor, scale) in enumerate(zip(tensors, scales, strict=True))
            ]
            nested = tf.nest.pack_sequence_as(x, noisy)
            maps = self.base.attribute(network, nested, target, folded(seed, i))
            moved = [m - s for m, s in zip(tf.nest.flatten(maps), shift, strict=True)]
            return moved if self.statistic == "mean" else [*moved, *map(tf.square, moved)]

        like = flat if self.statistic == "mean" else [*flat, *flat]
        sums = sum_over(term, self.samples, [*flat, *spread], like)
        means = [s / tf.cast(self.samples, s.dtype) for s in sums]
        first, second = means[: len(flat)], means[len(flat) :]
        if self.statistic == "mean":
            result = first
        elif self.statistic == "mean_square":
            result = second
        else:
            result = [s - tf.square(m) for m, s in zip(first, second, strict=True)]
        return tf.nest.pack_sequence_as(x, result)

    @property
    def stochastic(self) -> bool:
        """Always: the noise is drawn from the seed."""
        return True

    def thinned(self, points: int) -> SmoothGrad:
        """The same with fewer noisy copies."""
        return replace(self, samples=min(points, self.samples))

    @property
    def redraws(self) -> bool:
        """No: common random numbers make steps comparable."""
        return False

    @property
    def has_symmetric_field(self) -> bool:
        """A mean of symmetric Jacobians is one; the noise scale's own derivative is left out."""
        symmetric = isinstance(self.base, Symmetric) and self.base.has_symmetric_field
        return self.statistic == "mean" and symmetric and not isinstance(self.base, GradientXInput)

    def field(
        self, network: Network, x: tf.Tensor, target: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The mean map."""
        return self.attribute(network, x, target, seed)

    def factor(self, x: tf.Tensor) -> tf.Tensor | None:
        """None."""
        return None

    def _shift(
        self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor
    ) -> list[tf.Tensor]:
        """What is subtracted from each map before its moments are taken.

        A variance does not depend on it, and taking the clean map keeps the squares small.
        """
        if self.statistic != "variance":
            return [tf.zeros_like(tensor) for tensor in tf.nest.flatten(x)]
        clean = self.base.attribute(network, x, target, seed)
        return [tf.stop_gradient(m) for m in tf.nest.flatten(clean)]


def _noise_scale(x: tf.Tensor, level: float) -> tf.Tensor:
    """Noise standard deviation [B, 1, ...] from each sample's own range."""
    axes = list(range(1, x.shape.rank))
    span = tf.reduce_max(x, axes, keepdims=True) - tf.reduce_min(x, axes, keepdims=True)
    return tf.cast(level, x.dtype) * span
