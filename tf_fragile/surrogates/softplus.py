"""One sharpness for all ReLUs."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.data.ranges import InputRange
from tf_fragile.settings import check, setting
from tf_fragile.surrogates.surrogate import Scales, replaced


@dataclass(frozen=True)
class Softplus:
    """Every ReLU as `log(1 + exp(beta z)) / beta`, other kinks likewise, weights unchanged.

    The gradient of a ReLU network is piecewise constant, so its own derivative is zero almost
    everywhere. Labels, maps and metrics always come from the true network.

    Source: Ghorbani et al. 2019, with beta = 1 in their code for inputs scaled to 0..255; inputs
    scaled to [0, 1] want 10 to 100.

    Attributes:
      beta: sharpness; ReLU as it grows.
    """

    beta: float = setting(1.0, low=1e-6, high=1e6)

    def __post_init__(self) -> None:
        check(self)

    def apply(self, network: Network) -> Network:
        """`network` with its ReLUs, and all activations that have kinks, replaced.

        Raises:
          InputError: the model is subclassed and has no graph to substitute in.
        """
        return network.map_nodes(lambda node: replaced(node, lambda _: self.beta))

    def scales(self, network: Network, x: tf.Tensor) -> Scales:
        """Nothing."""
        return ()

    def at(self, progress: tf.Tensor, scales: Scales) -> AbstractContextManager[None]:
        """The same all the time."""
        return nullcontext()


def beta_for(limits: InputRange) -> float:
    """A sharpness of `Softplus` that suits inputs of a range: the root of 255 over its width.

    1 for inputs in grey levels, as in the paper's code, 16 for inputs of width 1: pre-activations
    shrink with the inputs, and a unit has curvature only where |beta z| is below about 4. On the
    embedded net (width 1) the top-k overlap left at 8 grey levels is .06, .01, .02 and .10 for
    beta 3, 10, 30 and 100.
    """
    return float(np.sqrt(255.0 / np.mean(limits.high - limits.low)))
