"""The gradient of the target's logit, plain and times the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError


def input_gradient(network: Network, x: Any, target: tf.Tensor) -> Any:
    """Gradient of the logit of `target` [B] with respect to `x`, in the nesting of `x`.

    Raises:
      InputError: the logit does not depend on one of the inputs through differentiable
        operations; a gradient of silent zeros would be no explanation.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        score = network.score(x, target)
    gradients = tape.gradient(score, x)
    if any(g is None for g in tf.nest.flatten(gradients)):
        raise InputError(
            f"The logits of model {network.model.name!r} do not depend on all of its inputs "
            "through differentiable operations; explain the model behind that step instead."
        )
    return gradients


@dataclass(frozen=True)
class Gradient:
    """The gradient of the target's logit with respect to the input.

    Source: Simonyan et al. 2013; Ghorbani et al. 2019, "simple gradient".
    """

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used."""
        return input_gradient(network, x, target)

    @property
    def has_symmetric_field(self) -> bool:
        """Its Jacobian is the Hessian."""
        return True

    def field(
        self, network: Network, x: tf.Tensor, target: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The gradient itself."""
        return input_gradient(network, x, target)

    def factor(self, x: tf.Tensor) -> tf.Tensor | None:
        """None."""
        return None


@dataclass(frozen=True)
class GradientXInput:
    """The gradient of the target's logit times the input in model units.

    Source: Shrikumar et al. 2016.
    """

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used."""
        return tf.nest.map_structure(tf.multiply, x, input_gradient(network, x, target))

    @property
    def has_symmetric_field(self) -> bool:
        """The field is the gradient."""
        return True

    def field(
        self, network: Network, x: tf.Tensor, target: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The gradient."""
        return input_gradient(network, x, target)

    def factor(self, x: tf.Tensor) -> tf.Tensor | None:
        """The input."""
        return x
