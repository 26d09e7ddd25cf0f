"""Patterns: for every weighted layer, the direction in its inputs that its outputs stand for.

A kernel w says how to read a signal from data full of distractors; its pattern a says what the
signal looks like there, `wᵀa = 1`. PatternNet and PatternAttribution send relevance back through
patterns. They are estimated from data, one pass, each batch seen once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.activations import Activation, fused_activation
from tf_fragile.backprop.casts import Cast
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.kinds import kind_of, unsupported
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.errors import InputError, unknown_name

L = keras.layers
Estimator = Literal["linear", "relu", "relu_negative"]
Sums = dict[str, tuple[np.ndarray, ...]]
_DEPTHWISE = (L.DepthwiseConv1D, L.DepthwiseConv2D)
_SUPPORTED = (L.Dense, L.Conv1D, L.Conv2D, L.Conv3D, *_DEPTHWISE)


@dataclass(frozen=True, eq=False)
class Patterns:
    """One pattern for each call of a weighted layer; compared by value.

    Attributes:
      kernels: patterns of the shapes of the layers' kernels, by the layer's name; a second call of
        the same layer, or a second layer of the same name in a nested model, is `name#2`.
      estimator: how they were estimated.
      samples: from how many samples.
    """

    kernels: Mapping[str, np.ndarray] = field(repr=False)
    estimator: str
    samples: int

    @cached_property
    def digest(self) -> str:
        """A hash of everything that counts."""
        result = hashlib.sha256(f"{self.estimator} {self.samples}".encode())
        for name in sorted(self.kernels):
            kernel = np.ascontiguousarray(self.kernels[name])
            result.update(f"{name} {kernel.shape} {kernel.dtype}".encode() + kernel.tobytes())
        return result.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Patterns) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def tensors(self) -> dict[str, tf.Tensor]:
        """The patterns as tensors that traced functions share instead of copying."""
        with tf.init_scope():
            return {name: tf.constant(kernel) for name, kernel in self.kernels.items()}

    def save(self, path: str | Path) -> None:
        """Writes an npz file that `load_patterns` reads."""
        arrays: dict[str, Any] = {f"kernel/{name}": k for name, k in self.kernels.items()}
        arrays |= {"estimator": np.array(self.estimator), "samples": np.array(self.samples)}
        with open(path, "wb") as file:
            np.savez(file, **arrays)

    def check(self, graph: Graph, model: str) -> None:
        """Refuses a model to which the patterns do not belong.

        Raises:
          InputError: names the first layer without a pattern or with one of another shape.
        """
        remedy = f"estimate patterns on model {model!r}"
        nodes = pattern_nodes(graph)
        for name, node in nodes.items():
            shape = tuple(node.operation.kernels[0].shape)
            if name not in self.kernels:
                raise InputError(f"The patterns have none for layer {name!r}; {remedy}.")
            if self.kernels[name].shape != shape:
                raise InputError(
                    f"The pattern of layer {name!r} has shape {self.kernels[name].shape}, its "
                    f"kernel {shape}; {remedy}."
                )
        for name in self.kernels:
            if name not in nodes:
                raise InputError(
                    f"The patterns have one for layer {name!r}, which the model lacks; {remedy}."
                )


def load_patterns(path: str | Path) -> Patterns:
    """The patterns in an npz file that `Patterns.save` wrote; nothing is unpickled.

    Raises:
      InputError: no such file, or not one of patterns.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            kernels = {k.removeprefix("kernel/"): file[k] for k in file if k.startswith("kernel/")}
            return Patterns(kernels, str(file["estimator"]), int(file["samples"]))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is no file of patterns ({error}); write one with Patterns.save."
        ) from None


def pattern_nodes(graph: Graph) -> dict[str, Node]:
    """The weighted nodes of `graph` by the names of their patterns.

    Raises:
      UnsupportedLayerError: a weighted layer whose outputs are not all sums over patches of its
        input with one kernel.
    """
    nodes: dict[str, Node] = {}
    calls: dict[str, int] = {}
    for node in graph.nodes:
        if not isinstance(node.operation, Affine):
            continue
        if type(node.operation.layer) not in _SUPPORTED:
            raise unsupported(
                "Pattern estimation",
                node,
                "patterns are for dense layers and plain, grouped or depthwise convolutions",
                "use another explainer for this model",
            )
        calls[node.name] = count = calls.get(node.name, 0) + 1
        nodes[node.name if count == 1 else f"{node.name}#{count}"] = node
    return nodes


def estimate_patterns(
    model: keras.Model | Network, batches: Iterable[Any], estimator: Estimator = "relu"
) -> Patterns:
    """Patterns of every weighted layer, from one pass over data.

    With x the input patches of a layer (for a convolution every position is one), y = wᵀx without
    the bias, and E₊ the mean over patches whose output is positive after the activation:
    `a = c / wᵀc`, where c is `E[xy] - E[x] E[y]` (linear) or `E₊[xy] - E₊[x] E[y]` (ReLU); y's own
    mean is over all patches. Where a mean is over nothing or wᵀc is zero, one is divided by.

    Source: Kindermans et al. 2018, eqs. 6 and 9, as iNNvestigate 1.0.8 computes them.

    Args:
      model: a Keras model, or a `Network` made from one.
      batches: inputs [B, ...] in the model's nesting; read once, never held.
      estimator: `"linear"`; `"relu"`; or `"relu_negative"`, with outputs that are not positive.

    Raises:
      InputError: a subclassed model, no batch, or a weighted layer without patterns.
    """
    if estimator not in get_args(Estimator):
        raise unknown_name("pattern estimator", estimator, get_args(Estimator))
    network = as_network(model)
    if network.graph is None:
        raise InputError(
            f"Model {network.model.name!r} is subclassed and has no graph to estimate patterns "
            "in; rebuild it with the functional API."
        )
    graph = network.graph
    nodes = pattern_nodes(graph)
    step = tf.function(lambda x: _sums(graph, nodes, x, estimator), reduce_retracing=True)
    dtype, totals, samples = network.model.compute_dtype, None, 0
    for batch in batches:
        x = tf.nest.map_structure(lambda leaf: tf.cast(tf.convert_to_tensor(leaf), dtype), batch)
        sums = tf.nest.map_structure(lambda t: t.numpy(), step(x))
        samples += int(tf.nest.flatten(x)[0].shape[0])
        totals = sums if totals is None else tf.nest.map_structure(np.add, totals, sums)
    if totals is None:
        raise InputError("There are no batches to estimate patterns from; give at least one.")
    kernels = {name: _pattern(node.operation, totals[name]) for name, node in nodes.items()}
    return Patterns(kernels, estimator, samples)


def _sums(graph: Graph, nodes: Mapping[str, Node], x: Any, estimator: str) -> dict[str, Any]:
    """Per layer: counts and sums of y [out], masked counts [out], of xy and x [kernel]."""
    values = graph.run(x)
    consumers = graph.consumers()
    result = {}
    for name, node in nodes.items():
        operation: Affine = node.operation
        # Covariances are small differences of large sums, so they are taken in float64.
        source = tf.cast(values[node.inputs[0]], tf.float64)
        kernels = tuple(tf.cast(kernel, tf.float64) for kernel in operation.kernels)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(kernels)
            y = operation.linear(source, kernels)
        active = values[_activity(node, values, consumers)] > 0
        chosen = {"relu": active, "relu_negative": ~active}.get(estimator, tf.ones_like(active))
        mask = tf.cast(chosen, tf.float64)
        # The gradient by the kernel of a sum of y * s is the sum of patches times s.
        of_xy = tape.gradient(y, kernels[0], output_gradients=y * mask)
        of_x = tape.gradient(y, kernels[0], output_gradients=mask)
        ones = _per_output(tf.ones_like(y), operation.layer)
        sums = [_per_output(t, operation.layer) for t in (y, mask)]
        result[name] = (ones, *sums, of_xy, of_x)
    return result


def _activity(
    node: Node, values: Mapping[int, tf.Tensor], consumers: Mapping[int, list[Node]]
) -> int:
    """The slot whose sign says whether a unit is active: after its activation, if it has one."""
    slot, shape = node.output, values[node.output].shape
    while consumers[slot]:
        after = consumers[slot][0]
        if after.output not in values or values[after.output].shape.rank != shape.rank:
            break
        if isinstance(after.operation, Activation):
            return after.output
        unmoved = kind_of(after) in ("batch_norm", "rescale", "sum") or _hands_on(after)
        if not unmoved or values[after.output].shape.as_list() != shape.as_list():
            break
        slot = after.output
    return node.output


def _hands_on(node: Node) -> bool:
    return node.operation is tf.identity or type(node.operation) in (L.Dropout, L.Identity)


def _per_output(t: tf.Tensor, layer: keras.Layer) -> tf.Tensor:
    """The sum over everything but the channels of a layer's output."""
    first = getattr(layer, "data_format", "channels_last") == "channels_first"
    channels = 1 if first else t.shape.rank - 1
    return tf.reduce_sum(t, [axis for axis in range(t.shape.rank) if axis != channels])


def _pattern(operation: Affine, sums: tuple[np.ndarray, ...]) -> np.ndarray:
    kernel = operation.kernels[0].numpy()
    depthwise = isinstance(operation.layer, _DEPTHWISE)
    outputs = kernel.shape[-2:] if depthwise else kernel.shape[-1:]
    inputs = tuple(range(kernel.ndim - len(outputs)))
    count, of_y, masked = (s.reshape(outputs) for s in sums[:3])
    of_xy, of_x = sums[3:]

    def divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a / np.where(b == 0, 1, b)

    covariance = divide(of_xy, masked) - divide(of_x, masked) * divide(of_y, count)
    scale = (kernel * covariance).sum(axis=inputs)
    return divide(covariance, scale).astype(kernel.dtype)


def bottlenecks(graph: Graph) -> Iterator[int]:
    """Slots through which every path goes, inputs and fused pre-activations left out."""
    last = {slot: i for i, node in enumerate(graph.nodes) for slot in node.reads}
    last[graph.output] = len(graph.nodes)
    waiting = set(graph.inputs)
    for i, node in enumerate(graph.nodes):
        waiting = {slot for slot in waiting if last.get(slot, -1) > i}
        layer = getattr(node.operation, "layer", None)
        fused = isinstance(node.operation, Affine) and fused_activation(layer) is not None
        if not waiting and not fused and not isinstance(node.operation, Cast):
            yield node.output
        waiting.update(node.outputs)
