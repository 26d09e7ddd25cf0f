"""What Keras does to numbers on their way into a layer, as operations of the recorded graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.graph import Graph, Node, Ref, Spec

L = keras.layers
# Layers that take whole numbers as measurements, not as names of something.
_MEASURING: tuple[type, ...] = (
    *(L.Rescaling, L.Normalization, L.BatchNormalization, L.Dense, L.Flatten, L.Reshape),
    *(L.Conv1D, L.Conv2D, L.Conv3D, L.Resizing, L.CenterCrop, L.ZeroPadding2D, L.Cropping2D),
    *(L.RandomFlip, L.RandomRotation, L.RandomZoom, L.RandomCrop, L.RandomTranslation),
    *(L.RandomContrast, L.RandomBrightness, L.UpSampling2D, L.Permute, L.Dropout, L.Concatenate),
    *(L.MaxPooling2D, L.AveragePooling2D, L.GlobalAveragePooling2D, L.Identity),
)
_ARITHMETIC = ("Cast", "Divide", "TrueDivide", "Multiply", "Subtract", "Add", "Reshape")


@dataclass(frozen=True, eq=False)
class Cast:
    """A tensor in another float type, as a layer's policy asks for.

    Attributes:
      dtype: its name.
    """

    dtype: str

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """`x` in that type."""
        return tf.cast(x, self.dtype)


@dataclass(frozen=True, eq=False)
class Whole:
    """The whole numbers that a model with an integer input sees, kept as floats.

    A derivative passes as if nothing had been cut: the model behind is explained at what it sees.

    Attributes:
      dtype: the integer type of the input.
    """

    dtype: str

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """`x` cut to whole numbers of the range of `dtype`, in the dtype of `x`."""

        def straight(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            return tf.cast(tf.cast(x, self.dtype), x.dtype), lambda upstream: upstream

        return tf.custom_gradient(straight)(x)


@dataclass(frozen=True, eq=False)
class ToInteger:
    """Whole numbers of an input that names something, such as token ids: no derivative.

    Attributes:
      dtype: the integer type of the input.
    """

    dtype: str

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """`x` in that type."""
        return tf.cast(x, self.dtype)


def measured_inputs(graph: Graph) -> Graph:
    """`graph` with integer inputs that are measurements, such as grey levels, kept as floats.

    Inputs read by anything that may take them for names (an Embedding, a comparison) stay whole
    numbers, through which nothing can be derived.
    """
    readers = graph.consumers()
    measured = {
        node.output
        for node in graph.nodes
        if isinstance(node.operation, ToInteger)
        and all(_measures(reader.operation) for reader in readers[node.output])
    }
    if not measured:
        return graph

    def active(leaf: Any) -> Any:
        return Ref(leaf.slot) if isinstance(leaf, Ref) and leaf.slot in measured else leaf

    def change(node: Node) -> Node:
        if node.output in measured:
            return replace(node, operation=Whole(node.operation.dtype))
        if measured.isdisjoint(node.reads):
            return node
        args, kwargs = keras.tree.map_structure(active, (node.args, dict(node.kwargs)))
        return replace(node, args=args, kwargs=kwargs)

    specs = {slot: Spec(graph.specs[slot].shape, "float32") for slot in measured}
    return replace(graph.map(change), specs={**graph.specs, **specs})


def _measures(operation: Any) -> bool:
    return type(operation) in _MEASURING or type(operation).__name__ in _ARITHMETIC
