"""A surrogate whose layers have right second derivatives."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.derivatives.corrections import correct_derivatives
from tf_fragile.surrogates import Scales, Surrogate


@dataclass(frozen=True)
class Corrected:
    """Another surrogate on the network that `correct_derivatives` makes.

    Attributes:
      inner: the other surrogate.
    """

    inner: Surrogate

    def apply(self, network: Network) -> Network:
        """The corrected network's stand-in."""
        return self.inner.apply(correct_derivatives(network))

    def scales(self, network: Network, x: tf.Tensor) -> Scales:
        """As the inner surrogate has them: activations keep their places."""
        return self.inner.scales(network, x)

    def at(self, progress: tf.Tensor, scales: Scales) -> AbstractContextManager[None]:
        """As the inner surrogate."""
        return self.inner.at(progress, scales)
