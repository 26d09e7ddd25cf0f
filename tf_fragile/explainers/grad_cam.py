"""Grad-CAM: which places of a convolutional layer speak for the target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.graph import Graph, Values
from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError, unknown_name
from tf_fragile.explainers.contract import Method
from tf_fragile.explainers.propagation import graph_of, target_logit
from tf_fragile.explainers.rectified import GuidedBackprop


@dataclass(frozen=True)
class GradCAM:
    """Channels of one layer, weighted by the mean gradient of the target's logit, summed.

    The map of the layer's size is upsampled bilinearly to the input's and stands in each of the
    input's channels. It is the derivative-friendly form: upsampling is a product with two constant
    matrices, because TensorFlow's bilinear resizing has no correct second derivative.

    Source: Selvaraju et al. 2017, eqs. 1 and 2.

    Attributes:
      layer: the name of a layer whose output has places and channels, [B, H, W, C]; by default the
        last one, which is what feeds the global pooling or the flattening.
      relu: drop what speaks against the target.
      normalise: divide by the largest magnitude, per sample.
    """

    layer: str | None = None
    relu: bool = True
    normalise: bool = False

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used.

        Raises:
          InputError: the input is not one image, or there is no such layer.
        """
        graph = graph_of(network, "Grad-CAM")
        flat = tf.nest.flatten(x)
        if len(flat) != 1 or flat[0].shape.rank != 4:
            shapes = [tuple(leaf.shape) for leaf in flat]
            raise InputError(
                f"Grad-CAM explains one image [B, H, W, C], and model {network.model.name!r} takes "
                f"inputs of shapes {shapes}; use another explainer."
            )
        (image,) = flat
        values = graph.run(x)
        slot = _slot(graph, values, self.layer, network.model.name)
        features = values[slot]
        weights = tf.reduce_mean(_gradient(graph, flat, slot, features, target), [1, 2])
        places = tf.einsum("bhwc,bc->bhw", features, weights)
        places = tf.nn.relu(places) if self.relu else places
        if self.normalise:
            largest = tf.reduce_max(tf.abs(places), [1, 2], keepdims=True)
            places /= tf.where(largest == 0, tf.ones_like(largest), largest)
        sizes = tf.shape(image)
        full = upsampled(tf.cast(places, image.dtype), sizes[1], sizes[2])
        result = tf.broadcast_to(full[..., None], sizes)
        return tf.nest.pack_sequence_as(x, [tf.ensure_shape(result, image.shape)])


@dataclass(frozen=True)
class GuidedGradCAM:
    """Grad-CAM times guided backprop, entry by entry.

    Source: Selvaraju et al. 2017, section 3.2.

    Attributes:
      cam: the places.
      guided: the details.
    """

    cam: GradCAM = field(default_factory=GradCAM)
    guided: Method = field(default_factory=lambda: GuidedBackprop(head="one"))

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return self.cam.evaluations + self.guided.evaluations

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used."""
        places = self.cam.attribute(network, x, target, seed)
        details = self.guided.attribute(network, x, target, seed)
        return tf.nest.map_structure(tf.multiply, places, details)


def guided_grad_cam(layer: str | None = None, relu: bool = True) -> GuidedGradCAM:
    """Guided Grad-CAM with the settings of `GradCAM`."""
    return GuidedGradCAM(GradCAM(layer, relu))


def upsampled(places: tf.Tensor, height: Any, width: Any) -> tf.Tensor:
    """Maps [B, h, w] resized bilinearly to [B, height, width], half-pixel centres."""
    sizes = tf.shape(places)
    rows = interpolation(sizes[1], height, places.dtype)
    columns = interpolation(sizes[2], width, places.dtype)
    return tf.einsum("Hh,bhw,Ww->bHW", rows, places, columns)


def interpolation(source: Any, target: Any, dtype: tf.DType) -> tf.Tensor:
    """The matrix [target, source] of linear interpolation, edges held constant."""
    old, new = tf.cast(source, dtype), tf.cast(target, dtype)
    places = (tf.range(new, dtype=dtype) + 0.5) * old / new - 0.5
    at = tf.clip_by_value(places, 0, old - 1)
    return tf.nn.relu(1 - tf.abs(at[:, None] - tf.range(old, dtype=dtype)))


def _slot(graph: Graph, values: Values, layer: str | None, model: str) -> int:
    """The slot of the chosen layer's output.

    Raises:
      InputError: no such layer, or none with places and channels.
    """
    spatial = {node.output: node.name for node in graph.nodes if _is_spatial(values[node.output])}
    names = {node.name for node in graph.nodes}
    if layer is not None and layer not in names:
        raise unknown_name(f"layer of model {model!r}", layer, names)
    chosen = [slot for slot, name in spatial.items() if layer in (None, name)]
    if not chosen:
        which = "It has no layer" if layer is None else f"Layer {layer!r} has no output"
        raise InputError(
            f"{which} of shape [B, H, W, C] in model {model!r}; Grad-CAM needs "
            "one whose output has places."
        )
    return chosen[-1]


def _is_spatial(value: tf.Tensor) -> bool:
    return value.shape.rank == 4 and value.shape[1:3].as_list() != [1, 1]


def _gradient(
    graph: Graph, x: list[tf.Tensor], slot: int, features: tf.Tensor, target: tf.Tensor
) -> tf.Tensor:
    """The gradient of the target's logit by the tensor in `slot`, everything before held."""
    nodes = tuple(node for node in graph.nodes if slot not in node.outputs)
    above = replace(graph, nodes=nodes, inputs=(*graph.inputs, slot)).pruned()
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(features)
        score = target_logit(above([*x, features]), target)
    zero = tf.UnconnectedGradients.ZERO
    return tape.gradient(score, features, unconnected_gradients=zero)
