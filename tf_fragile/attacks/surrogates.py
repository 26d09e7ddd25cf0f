"""Networks that stand in for the true one while an attack takes its derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.network import Network
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError
from tf_fragile.registry import Registry


class Surrogate(Protocol):
    """Makes the network on which an attack's derivative is taken."""

    def apply(self, network: Network) -> Network:
        """The stand-in for `network`; it shares all variables."""


@dataclass(frozen=True)
class NoSurrogate:
    """The network itself: for smooth networks, and for maps with useful derivatives."""

    def apply(self, network: Network) -> Network:
        """`network` as it is."""
        return network


@dataclass(frozen=True)
class Softplus:
    """Every ReLU as `log(1 + exp(beta z)) / beta`, weights unchanged.

    The gradient of a ReLU network is piecewise constant, so its own derivative is zero almost
    everywhere. Labels, maps and metrics always come from the true network.

    Source: Ghorbani et al. 2019, with beta = 1 in their code for inputs scaled to 0..255; inputs
    scaled to [0, 1] want 10 to 100.

    Attributes:
      beta: sharpness; ReLU as it grows.
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise InputError(f"Softplus needs beta > 0, got {self.beta}.")

    def apply(self, network: Network) -> Network:
        """`network` with its ReLUs (ReLU6 and leaky ReLU too) replaced.

        Raises:
          InputError: the model is subclassed and has no graph to substitute in.
        """
        return network.map_nodes(self._change)

    def _change(self, node: Node) -> Node:
        if not isinstance(node.operation, Activation):
            return node
        smooth = _smooth(node.operation, self.beta)
        return node if smooth is None else replace(node, operation=smooth)


def softplus(z: tf.Tensor, beta: float) -> tf.Tensor:
    """`log(1 + exp(beta z)) / beta`, as accurate as the dtype's rounding of 1, and fast.

    Written with one sigmoid, which the derivative needs anyway: about half the time of
    `tf.nn.softplus` and its gradients on CPUs. Values below the dtype's epsilon become zero;
    derivatives keep full accuracy.
    """

    @tf.custom_gradient
    def smooth(z: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        gate = tf.sigmoid(beta * z)
        value = tf.nn.relu(z) - tf.math.log(tf.maximum(gate, 1 - gate)) / beta
        return value, lambda upstream: upstream * tf.sigmoid(beta * z)

    return smooth(z)


def beta_for(limits: InputRange) -> float:
    """A sharpness that suits inputs of a range: the root of 255 over its width.

    1 for inputs in grey levels, as in the paper's code, 16 for inputs of width 1: pre-activations
    shrink with the inputs, and a unit has curvature only where |beta z| is below about 4. On the
    embedded net (width 1) the top-k overlap left at 8 grey levels is .06, .01, .02 and .10 for
    beta 3, 10, 30 and 100.
    """
    return float(np.sqrt(255.0 / np.mean(limits.high - limits.low)))


def _smooth(activation: Activation, beta: float) -> Activation | None:
    """The smooth stand-in of a ReLU-like activation, `None` for the others."""
    if activation.kind == "relu":
        return Activation("softplus", lambda z: softplus(z, beta))
    if activation.kind == "relu6":
        return Activation("softplus", lambda z: softplus(z, beta) - softplus(z - 6, beta))
    if activation.kind == "leaky_relu":
        # phi(1) = 1 and phi(-1) = -slope for every leaky ReLU, whatever wrote it.
        slope = -float(activation(tf.constant([-1.0]))[0])
        return Activation("softplus", lambda z: slope * z + (1 - slope) * softplus(z, beta))
    return None


def relus(network: Network) -> int:
    """How many activations of `network` a softplus surrogate replaces."""
    if network.graph is None:
        return 0
    found: list[Any] = [node.operation for node in network.graph.nodes]
    return sum(
        isinstance(operation, Activation) and _smooth(operation, 1.0) is not None
        for operation in found
    )


SURROGATES: Registry[Callable[..., Surrogate]] = Registry("surrogate")
SURROGATES.register("none", NoSurrogate)
SURROGATES.register("softplus", Softplus)
