"""Networks that stand in for the true one while an attack takes its derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.softplus import is_relu, smooth_stand_in
from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.network import Network
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError
from tf_fragile.metrics.rows import per_sample_mean
from tf_fragile.registry import Registry
from tf_fragile.settings import check, setting

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
        return network.map_nodes(lambda node: _replaced(node, lambda _: self.beta))

    def scales(self, network: Network, x: tf.Tensor) -> Scales:
        """Nothing."""
        return ()

    def at(self, progress: tf.Tensor, scales: Scales) -> AbstractContextManager[None]:
        """The same all the time."""
        return nullcontext()


# The sharpness of each ReLU of a `ScaledSoftplus` while a step is traced or run, [N, 1, ...] each.
_SHARPNESS: ContextVar[Scales | None] = ContextVar("sharpness", default=None)


@dataclass(frozen=True)
class ScaledSoftplus:
    """Every ReLU as a softplus as sharp as its layer's numbers are small, sharper step by step.

    `phi(z) = softplus(c z / s) s / c`, `s` the root mean square of the layer's pre-activations on
    the sample's own clean input, `c` growing geometrically from `start` to `stop` during an
    attack. A softplus has curvature where |c z / s| is below about 4; with one beta for a network
    whose pre-activations differ by orders of magnitude, most layers have none or are no ReLU.

    Source: the schedule is that of Dombrowski et al. 2019; the scales are ours, taken per sample
    so that no image's attack depends on the others in its batch.

    Attributes:
      start: c at the first step.
      stop: c at the end.
    """

    start: float = setting(10.0, low=1e-6, high=1e6)
    stop: float = setting(100.0, low=1e-6, high=1e6)

    def __post_init__(self) -> None:
        check(self)
        if self.start > self.stop:
            raise InputError(
                f"scaled_softplus needs 0 < start <= stop, got {self.start} and {self.stop}."
            )

    def apply(self, network: Network) -> Network:
        """`network` with its ReLUs replaced; outside `at` their sharpness is `stop`.

        Raises:
          InputError: the model is subclassed and has no graph to substitute in.
        """
        place = {slot: i for i, slot in enumerate(_relu_outputs(network))}

        def change(node: Node) -> Node:
            if not place.keys() & set(node.outputs):
                return node
            index = place[node.output]
            return _replaced(node, lambda z: _current(index, z, self.stop))

        return network.map_nodes(change)

    def scales(self, network: Network, x: tf.Tensor) -> Scales:
        """The root mean square [N, 1, ...] of each ReLU's pre-activations."""
        assert network.graph is not None  # `apply` comes first
        values = network.graph.run(x)
        producers = network.graph.producers()
        return tuple(
            _root_mean_square(values[producers[slot].inputs[0]]) for slot in _relu_outputs(network)
        )

    @contextmanager
    def at(self, progress: tf.Tensor, scales: Scales) -> Iterator[None]:
        """Sharpness `start (stop / start) ** progress / s`."""
        ratio = self.stop / self.start
        betas = []
        for scale in scales:
            c = self.start * tf.pow(tf.cast(ratio, scale.dtype), tf.cast(progress, scale.dtype))
            betas.append(c / tf.where(scale > 0, scale, tf.ones_like(scale)))
        token = _SHARPNESS.set(tuple(betas))
        try:
            yield
        finally:
            _SHARPNESS.reset(token)


def beta_for(limits: InputRange) -> float:
    """A sharpness of `Softplus` that suits inputs of a range: the root of 255 over its width.

    1 for inputs in grey levels, as in the paper's code, 16 for inputs of width 1: pre-activations
    shrink with the inputs, and a unit has curvature only where |beta z| is below about 4. On the
    embedded net (width 1) the top-k overlap left at 8 grey levels is .06, .01, .02 and .10 for
    beta 3, 10, 30 and 100.
    """
    return float(np.sqrt(255.0 / np.mean(limits.high - limits.low)))


def relus(network: Network) -> int:
    """How many activations of `network` a softplus surrogate replaces."""
    return 0 if network.graph is None else len(_relu_outputs(network))


def _relu_outputs(network: Network) -> Sequence[int]:
    return [node.output for node in network.substitutable.nodes if is_relu(node.operation)]


def _replaced(node: Node, beta_at: Callable[[tf.Tensor], Any]) -> Node:
    if not is_relu(node.operation):
        return node
    return replace(node, operation=smooth_stand_in(node.operation, beta_at), kwargs={})


def _current(index: int, z: tf.Tensor, otherwise: float) -> Any:
    """The sharpness of ReLU `index` for `z`, `otherwise` where no attack is under way.

    Questions about the function itself, such as whether it can be negative, are asked eagerly in
    the middle of a trace; the attack's tensors are not for those.
    """
    betas = _SHARPNESS.get()
    if betas is None or (tf.executing_eagerly() and not hasattr(betas[index], "numpy")):
        return otherwise
    beta = betas[index]
    if z.shape.rank != beta.shape.rank:
        return otherwise
    # One reference for all samples gets the sharpness of each, or differences from it would be
    # differences of functions.
    fits = z.shape[0] == 1 or z.shape[:1].is_compatible_with(beta.shape[:1])
    return beta if fits else otherwise


def _root_mean_square(z: tf.Tensor) -> tf.Tensor:
    z = tf.cast(z, tf.float32) if z.dtype in (tf.float16, tf.bfloat16) else z
    return tf.sqrt(per_sample_mean(tf.square(z), keepdims=True))


SURROGATES: Registry[Callable[..., Surrogate]] = Registry("surrogate")
SURROGATES.register("none", NoSurrogate)
SURROGATES.register("softplus", Softplus)
SURROGATES.register("scaled_softplus", ScaledSoftplus)
