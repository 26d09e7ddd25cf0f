"""Grad-CAM: which places of a convolutional layer speak for the target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.explained import target_logit
from tf_fragile.backprop.graph import Graph, Values, widened
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.places import FIRST, LAST, last_places, places, pools_all
from tf_fragile.backprop.prepared import graph_of
from tf_fragile.errors import InputError, unknown_name
from tf_fragile.explainers.contract import Method
from tf_fragile.explainers.rectified import GuidedBackprop
from tf_fragile.settings import check


@dataclass(frozen=True)
class GradCAM:
    """Channels of one layer, weighted by the mean gradient of the target's logit, summed.

    The map of the layer's size is upsampled bilinearly to the input's and stands in each of the
    input's channels. It is the derivative-friendly form: upsampling is a product with two constant
    matrices, because TensorFlow's bilinear resizing has no correct second derivative.

    Source: Selvaraju et al. 2017, eqs. 1 and 2.

    Attributes:
      layer: the name of a layer whose output has places and channels, [B, H, W, C]; by default the
        one that feeds the global pooling or the flattening, where that is one whose places are
        known to be those of the image.
      channel_axis: the axis of that layer's channels, 1 or -1; by default as followed from the
        input, else the last.
      relu: drop what speaks against the target.
      normalise: divide by the largest magnitude, per sample.
    """

    layer: str | None = None
    relu: bool = True
    normalise: bool = False
    channel_axis: int | None = None

    def __post_init__(self) -> None:
        check(self)
        if self.channel_axis not in (None, 1, 3, -1):
            raise InputError(
                f"Grad-CAM takes channel_axis 1 or -1, got {self.channel_axis}; give the axis of "
                "the layer's channels."
            )

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
        axis = self.channel_axis or places(graph).get(slot, LAST)
        features = widened(values[slot])
        slope = widened(_gradient(graph, flat, slot, values[slot], target))
        if axis == FIRST:
            features, slope = (tf.transpose(t, [0, 2, 3, 1]) for t in (features, slope))
        where = tf.einsum("bhwc,bc->bhw", features, tf.reduce_mean(slope, [1, 2]))
        where = tf.nn.relu(where) if self.relu else where
        if self.normalise:
            largest = tf.reduce_max(tf.abs(where), [1, 2], keepdims=True)
            where /= tf.where(largest == 0, tf.ones_like(largest), largest)
        sizes = tf.shape(image)
        channels = network.channel_axis
        rows, columns = (2, 3) if channels == FIRST else (1, 2)
        full = upsampled(tf.cast(where, image.dtype), sizes[rows], sizes[columns])
        result = tf.broadcast_to(tf.expand_dims(full, channels), sizes)
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


def guided_grad_cam(
    layer: str | None = None, relu: bool = True, channel_axis: int | None = None
) -> GuidedGradCAM:
    """Guided Grad-CAM with the settings of `GradCAM`."""
    return GuidedGradCAM(GradCAM(layer, relu, channel_axis=channel_axis))


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

    Args:
      graph: up to the logits.
      values: the forward pass.
      layer: a layer's name; the one that feeds the pooled vector where `None`.
      model: its name, for messages.

    Raises:
      InputError: no such layer, none with known places, or several.
    """
    if layer is not None:
        return _named_slot(graph, values, layer, model)
    makers, takers = last_places(graph, places(graph))
    if not makers:
        raise InputError(
            f"No layer of model {model!r} has places that are known to be those of the image; "
            "Grad-CAM needs one: say layer='NAME'."
        )
    names = ", ".join(repr(maker.name) for maker in makers)
    if len(makers) > 1:
        raise InputError(
            f"In model {model!r} several layers with places lead to the output, {names}; Grad-CAM "
            "shows one: say layer='NAME'."
        )
    if not pools_all(takers[0], values[takers[0].output].shape.rank):
        raise InputError(
            f"In model {model!r} the places of {names} are taken apart by {takers[0].name!r} "
            "before they are pooled, so it is not known which places count; say layer='NAME'."
        )
    return makers[0].output


def _named_slot(graph: Graph, values: Values, layer: str, model: str) -> int:
    slots = [node.output for node in graph.nodes if node.name == layer]
    if not slots:
        raise unknown_name(f"layer of model {model!r}", layer, {n.name for n in graph.nodes})
    shape = values[slots[-1]].shape
    if shape.rank != 4:
        raise InputError(
            f"Layer {layer!r} of model {model!r} has an output of shape {tuple(shape)}; Grad-CAM "
            "needs one with places, [B, H, W, C]."
        )
    return slots[-1]


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
