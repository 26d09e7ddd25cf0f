"""Integrated gradients along the straight path from a baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError
from tf_fragile.explainers.accumulate import sum_over
from tf_fragile.explainers.contract import total
from tf_fragile.explainers.gradient import input_gradient
from tf_fragile.explainers.noise import uniform
from tf_fragile.explainers.quadrature import RULES, quadrature
from tf_fragile.settings import MOST, check, setting


@dataclass(frozen=True)
class IntegratedGradients:
    """`(x - x0) * integral of the gradient at x0 + a (x - x0) over a in [0, 1]`.

    Source: Sundararajan et al. 2017, eq. 1; Ghorbani et al. 2019 (right rule, 100 steps).

    Attributes:
      steps: gradient evaluations.
      rule: a rule of `quadrature`.
      baseline: x0 in model units: a number; an array of the shape of one sample (or broadcasting
        to it), or of the whole batch; in the model's nesting for several inputs.
    """

    steps: int = setting(50, low=1, high=MOST)
    rule: str = setting("trapezoid", choices=tuple(RULES), named="quadrature rule")
    baseline: Any = setting(0.0, values=True)

    def __post_init__(self) -> None:
        check(self)
        quadrature(self.rule, self.steps)

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return self.steps

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; memory does not grow with `steps`.

        `seed` is used by the rule `"stratified"` alone.
        """
        flat = tf.nest.flatten(x)
        start = tf.nest.flatten(self._start(network, x))
        means = self._mean_gradients(network, x, target, seed)
        products = [(a - b) * g for a, b, g in zip(flat, start, means, strict=True)]
        return tf.nest.pack_sequence_as(x, products)

    def _mean_gradients(
        self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor
    ) -> list[tf.Tensor]:
        """The integral of the gradient, for each input."""
        flat = tf.nest.flatten(x)
        start = tf.nest.flatten(self._start(network, x))
        points, weights = (
            tf.constant(values, flat[0].dtype) for values in quadrature(self.rule, self.steps)
        )

        def term(i: tf.Tensor, *inputs: tf.Tensor) -> list[tf.Tensor]:
            path = [
                b + self._point(points[i], seed, i, a) * (a - b)
                for a, b in zip(inputs, start, strict=True)
            ]
            gradient = input_gradient(network, tf.nest.pack_sequence_as(x, path), target)
            return [weights[i] * g for g in tf.nest.flatten(gradient)]

        return sum_over(term, self.steps, flat, flat)

    def check(self, network: Network, x: Any) -> None:
        """Refuses a baseline at which the model has no value: the path would begin nowhere.

        Raises:
          InputError: the model's output at the baseline is NaN or infinite.
        """
        start = self._start(network, tf.nest.map_structure(lambda leaf: leaf[:1], x))
        if not bool(tf.reduce_all(tf.math.is_finite(network.outputs(start)))):
            raise InputError(
                f"Model {network.model.name!r} gives NaN or infinity at the baseline of "
                "integrated_gradients (a series of zeros may be masked from end to end); give "
                "another baseline."
            )

    def _start(self, network: Network, x: Any) -> Any:
        return baseline_like(network.flat_setting(self.baseline), x)

    def _point(self, point: tf.Tensor, seed: tf.Tensor, i: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
        """Where on the path the gradient is taken: the same for all samples, or [B, 1, ...]."""
        if self.rule != "stratified":
            return point
        share = uniform(seed, i, [1] * (like.shape.rank - 1), like.dtype) / self.steps
        return point + share

    @property
    def stochastic(self) -> bool:
        """Only with random points."""
        return self.rule == "stratified"

    def thinned(self, points: int) -> IntegratedGradients:
        """Fewer points, one in each of as many equal parts of the path: no bias."""
        if points >= self.steps:
            return self
        return replace(self, steps=points, rule="stratified")

    @property
    def redraws(self) -> bool:
        """Other points at every step, so that over the steps all of the path is seen."""
        return True

    @property
    def has_symmetric_field(self) -> bool:
        """The integral of gradients along a path to `x` has a symmetric Jacobian."""
        return not tf.nest.is_nested(self.baseline)

    def field(
        self, network: Network, x: tf.Tensor, target: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The integral of the gradient."""
        return self._mean_gradients(network, x, target, seed)[0]

    def factor(self, x: tf.Tensor) -> tf.Tensor | None:
        """`x - x0`."""
        return x - baseline_like(self.baseline, x)

    def gap(self, network: Network, x: Any, target: tf.Tensor, attribution: Any) -> tf.Tensor:
        """Completeness gap [B]: the attribution's sum minus `S(x) - S(x0)`."""
        start = self._start(network, x)
        return total(attribution) - (network.score(x, target) - network.score(start, target))


def baseline_like(baseline: Any, x: Any) -> Any:
    """`baseline` as tensors of the nesting, shapes and dtypes of `x`.

    Raises:
      InputError: a baseline does not broadcast to its input, or is nested in another way.
    """

    def like(value: Any, tensor: tf.Tensor) -> tf.Tensor:
        try:
            value = tf.cast(tf.convert_to_tensor(value), tensor.dtype)
            if not tensor.shape.is_compatible_with(
                tf.broadcast_static_shape(value.shape, tensor.shape)
            ):
                raise ValueError
            return tf.broadcast_to(value, tf.shape(tensor))
        except ValueError:
            raise InputError(
                f"The baseline has shape {_shape(value)}, which does not broadcast to inputs "
                f"of shape {tuple(tensor.shape)}; give a number or one sample's shape."
            ) from None

    if not tf.nest.is_nested(x):
        return like(baseline, x)
    if not tf.nest.is_nested(baseline):
        return tf.nest.map_structure(lambda tensor: like(baseline, tensor), x)
    try:
        tf.nest.assert_same_structure(x, baseline, check_types=False)
    except (TypeError, ValueError):
        raise InputError(
            f"The baseline is nested like {_nesting(baseline)}, the inputs like {_nesting(x)}; "
            "give a number, or one baseline for each input."
        ) from None
    return tf.nest.map_structure(
        lambda tensor, value: like(value, tensor), x, baseline, check_types=False
    )


def _shape(value: Any) -> Any:
    """For people; lists of unequal lengths have none."""
    return tuple(value.shape) if hasattr(value, "shape") else "of a ragged list"


def _nesting(value: Any) -> Any:
    return tf.nest.map_structure(lambda _: ".", value)
