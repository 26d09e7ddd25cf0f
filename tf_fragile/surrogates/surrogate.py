"""The contract of a stand-in for the true network, and what every stand-in does to a node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import tensorflow as tf

from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.network import Network
from tf_fragile.surrogates.stand_in import is_relu, smooth_stand_in

Scales = tuple[tf.Tensor, ...]


class Surrogate(Protocol):
    """Makes the network on which an attack's derivative is taken."""

    def apply(self, network: Network) -> Network:
        """The stand-in for `network`; it shares all variables."""

    def scales(self, network: Network, x: tf.Tensor) -> Scales:
        """What the stand-in has to know of the clean inputs `x` [N, ...], each [N, 1, ...]."""

    def at(self, progress: tf.Tensor, scales: Scales) -> AbstractContextManager[None]:
        """Inside it the stand-in is as it shall be at `progress`, from 0 to 1, of an attack."""


@dataclass(frozen=True)
class NoSurrogate:
    """The network itself: for smooth networks, and for maps with useful derivatives."""

    def apply(self, network: Network) -> Network:
        """`network` as it is."""
        return network

    def scales(self, network: Network, x: tf.Tensor) -> Scales:
        """Nothing."""
        return ()

    def at(self, progress: tf.Tensor, scales: Scales) -> AbstractContextManager[None]:
        """The same all the time."""
        return nullcontext()


def relus(network: Network) -> int:
    """How many activations of `network` a softplus surrogate replaces."""
    return 0 if network.graph is None else len(relu_outputs(network))


def relu_outputs(network: Network) -> Sequence[int]:
    """The slots that activations with a stand-in fill, in order."""
    return [node.output for node in network.substitutable.nodes if is_relu(node.operation)]


def replaced(node: Node, beta_at: Callable[[tf.Tensor], Any]) -> Node:
    """`node` with its stand-in, of the sharpness that `beta_at` says; itself if it has none."""
    if not is_relu(node.operation):
        return node
    return replace(node, operation=smooth_stand_in(node.operation, beta_at), kwargs={})
