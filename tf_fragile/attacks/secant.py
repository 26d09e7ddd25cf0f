"""The objective's gradient without second derivatives, for maps whose Jacobian is symmetric."""

from __future__ import annotations

import tensorflow as tf

from tf_fragile.attacks.objectives import Objective
from tf_fragile.attacks.state import Problem
from tf_fragile.errors import InputError
from tf_fragile.explainers.contract import Method, Symmetric
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.metrics.readouts import DEFAULT, read_out
from tf_fragile.metrics.rows import per_sample_mean


def check_symmetric(name: str, method: Method) -> Symmetric:
    """`method` as one that has a symmetric field.

    Raises:
      InputError: its Jacobian is not symmetric, so that differences of maps are not the gradient.
    """
    if not isinstance(method, Symmetric) or not method.has_symmetric_field:
        raise InputError(
            f"The secant optimiser needs a map whose Jacobian is symmetric, such as gradient, "
            f"integrated_gradients or smoothgrad; that of {name} is not: use annealed_momentum."
        )
    return method


def secant_gradient(
    explainer: Explainer,
    objective: Objective,
    x: tf.Tensor,
    problem: Problem,
    h: float,
    channel_axis: int = -1,
    readout: str = DEFAULT,
) -> tf.Tensor:
    """Gradient of the objective at `x` on the true network by central differences of the field.

    The attribution is `c(x) F(x)`, F a field with symmetric Jacobian J, c one or `x - x0`. With v
    the objective's gradient by the attribution and u = c v, the gradient is `J u + c'(x) v F`, and
    `J u = (F(x + t u) - F(x - t u)) / 2t`.

    Args:
      explainer: on the true network; see `check_symmetric`.
      objective: what is raised.
      x: iterates [N, ...].
      problem: what stays fixed.
      h: root mean square of `t u` in input units.
      channel_axis: of the attribution.
      readout: what of it the objective is of, a name of `READOUTS`.
    """
    method = check_symmetric(explainer.name, explainer.method)
    network, target, seed = explainer.network, problem.target, problem.seed

    def field_at(x: tf.Tensor) -> tf.Tensor:
        return tf.cast(method.field(network, x, target, seed), x.dtype)

    field, factor = field_at(x), method.factor(x)
    attribution = field if factor is None else factor * field
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(attribution)
        maps = read_out(attribution, channel_axis, readout)
        value = objective.value(maps, problem.fixed)
    v = tape.gradient(value, attribution)
    u = v if factor is None else factor * v
    size = tf.sqrt(per_sample_mean(tf.square(u / problem.unit), keepdims=True))
    t = tf.math.divide_no_nan(tf.cast(h, x.dtype), size)
    along = tf.math.divide_no_nan(field_at(x + t * u) - field_at(x - t * u), 2 * t)
    return along if factor is None else along + v * field
