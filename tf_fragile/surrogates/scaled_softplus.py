"""A sharpness for each ReLU and sample, growing during an attack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError
from tf_fragile.metrics.rows import per_sample_mean
from tf_fragile.settings import check, setting
from tf_fragile.surrogates.surrogate import Scales, relu_outputs, replaced

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
        place = {slot: i for i, slot in enumerate(relu_outputs(network))}

        def change(node: Node) -> Node:
            if not place.keys() & set(node.outputs):
                return node
            index = place[node.output]
            return replaced(node, lambda z: _current(index, z, self.stop))

        return network.map_nodes(change)

    def scales(self, network: Network, x: tf.Tensor) -> Scales:
        """The root mean square [N, 1, ...] of each ReLU's pre-activations."""
        assert network.graph is not None  # `apply` comes first
        values = network.graph.run(x)
        producers = network.graph.producers()
        return tuple(
            _root_mean_square(values[producers[slot].inputs[0]]) for slot in relu_outputs(network)
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
