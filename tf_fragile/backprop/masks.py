"""Which tensor is the mask of which, while a model is recorded.

Keras hangs a mask on a tensor and every layer that knows the word picks it up there. What hangs
on a tensor is lost wherever an operation of ours stands between two layers, so a recorded graph
has masks as arguments like any other.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.wrappers import keras_class


@dataclass(frozen=True, eq=False)
class MaskOf:
    """The masks that a layer gives its outputs, as an operation on its inputs and their masks.

    Attributes:
      layer: the user's layer.
    """

    layer: keras.Layer

    def __call__(self, inputs: Any, masks: Any) -> list[tf.Tensor]:
        """The boolean masks of the outputs that have one."""
        found = self.layer.compute_mask(inputs, masks)
        return [mask for mask in keras.tree.flatten(found) if mask is not None]


class Hung(keras.Layer):  # type: ignore[misc]  # Keras ships no types
    """A copy of a tensor with its mask hung on it, for layers that look there for themselves."""

    def __init__(self) -> None:
        super().__init__(autocast=False)
        self.supports_masking = True

    def call(self, x: Any, mask: Any = None) -> tf.Tensor:
        """`x`; Keras makes `mask` that of the result."""
        return tf.identity(x)


def reads_hanging(layer: keras.Layer) -> bool:
    """Whether `layer` may read a mask off a tensor without it being an argument of its call.

    Attention reads its query's there whatever it is given, a product those of its factors; and
    what a layer of the user's calls inside may be such a layer.
    """
    known = keras_class(layer)
    users = getattr(keras.layers, known.__name__, None) is not known
    return users or known in (keras.layers.MultiHeadAttention, keras.layers.Multiply)


class Masks:
    """A table from symbolic tensors to their masks, symbolic tensors too."""

    def __init__(self) -> None:
        self._table: dict[int, Any] = {}
        self._kept: list[Any] = []  # known by id, so they must stay alive

    def of(self, structure: Any) -> Any:
        """The masks of tensors in any nesting, `None` where there is none."""
        return keras.tree.map_structure(lambda leaf: self._table.get(id(leaf)), structure)

    def set(self, tensor: Any, mask: Any) -> None:
        """Makes `mask` that of `tensor`; `None` changes nothing."""
        if mask is not None:
            self._kept += [tensor, mask]
            self._table[id(tensor)] = mask

    def arguments(self, layer: keras.Layer, given: Mapping[str, Any]) -> dict[str, Any]:
        """The masks that Keras would hand to a call of `layer`, by argument.

        One tensor argument: its mask as `mask`. Several: that of `query` as `query_mask`, and so
        on. Masks that were given explicitly stay.

        Args:
          layer: what is called.
          given: its arguments by name.
        """
        names = inspect.signature(layer.call).parameters
        tensors = {name: value for name, value in given.items() if _is_tensors(value)}
        if len(tensors) == 1:
            wanted = {"mask": next(iter(tensors.values()))}
        else:
            wanted = {f"{name}_mask": value for name, value in tensors.items()}
        found = {
            name: self.of(value)
            for name, value in wanted.items()
            if name in names and given.get(name) is None
        }
        return {name: mask for name, mask in found.items() if _is_any(mask)}

    def after(self, layer: keras.Layer, first: Any, given: Any) -> tuple[list[Any], Any]:
        """The masks of the outputs of `layer`, `None` for none, and those that they come from.

        Args:
          layer: what was called.
          first: its first argument.
          given: the mask it was called with, else `None`.
        """
        before = self.of(first) if given is None else given
        if not layer.supports_masking:
            return [], before
        return keras.tree.flatten(layer.compute_mask(first, before)), before


def _is_tensors(value: Any) -> bool:
    leaves = keras.tree.flatten(value)
    symbolic = [isinstance(leaf, keras.KerasTensor) for leaf in leaves]
    return bool(leaves) and any(symbolic)


def _is_any(mask: Any) -> bool:
    return any(leaf is not None for leaf in keras.tree.flatten(mask))
