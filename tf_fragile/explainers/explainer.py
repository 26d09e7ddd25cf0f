"""A method bound to a model, with the checks and conversions that all methods share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError
from tf_fragile.explainers.contract import Method
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.explainers.targets import as_target


@dataclass(frozen=True, eq=False)
class Explainer:
    """A pure function of (x, target, seed): the attribution of one model by one method.

    Attributes:
      name: the registered name.
      method: its settings.
      network: the model's score function.
    """

    name: str
    method: Method
    network: Network

    # Inside a user's `tf.function` AutoGraph would rewrite this code and wrap its errors.
    @tf.autograph.experimental.do_not_convert
    def __call__(self, x: Any, target: Any = None, seed: Any = 0) -> Any:
        """The signed attribution of each input entry, no reduction.

        Args:
          x: [B, ...] in the model's nesting, NumPy arrays or tensors.
          target: int, [B] ints, one-hot [B, classes], or `None` for the arg max of the logits.
          seed: int, folded with the position in `x`, or [B] ints, one for each sample.

        Returns:
          Attributions in the nesting, shapes and float dtype of `x`; NumPy for NumPy.

        Raises:
          InputError: wrong shape, NaN or infinity in `x`, values that the method's settings
            exclude, a target that is no class, a map that overflows.
        """
        plain = all(not tf.is_tensor(leaf) for leaf in tf.nest.flatten(x))
        x = self.inputs(x)
        batch = tf.shape(tf.nest.flatten(x)[0])[0]
        seeds = sample_seeds(seed, batch)
        if tf.executing_eagerly():
            self._check_once(x)
            check: Callable[..., None] | None = getattr(self.method, "check", None)
            if check is not None:
                check(self.network, x)
        labels = as_target(target, x, self.network)
        run = self._compiled if tf.executing_eagerly() else self.attribute
        maps = run(x, labels, seeds)
        if tf.executing_eagerly():
            self._check_map(maps)
        return tf.nest.map_structure(lambda t: t.numpy(), maps) if plain else maps

    def attribute(self, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """The bare method on prepared tensors: target int32 [B], seed int32 [B, 2]."""
        return self.method.attribute(self.network, x, target, seed)

    def gap(self, x: Any, target: Any = None, attribution: Any = None) -> np.ndarray | None:
        """The method's honesty number [B] where theory has one, else `None`.

        For completeness methods: the attribution's sum minus what it should be. `attribution`
        is computed where it is not given.
        """
        measure: Callable[..., tf.Tensor] | None = getattr(self.method, "gap", None)
        if measure is None:
            return None
        x = self.inputs(x)
        labels = as_target(target, x, self.network)
        maps = self(x, labels) if attribution is None else self.inputs(attribution)
        return measure(self.network, x, labels, maps).numpy()

    def as_gradient(self, target: Any = None, seed: Any = 0) -> Callable[[Any], tf.Tensor]:
        """The score as a function of the input whose `tf.GradientTape` gradient is the map.

        Args:
          target: as for a call, resolved at every call of the function.
          seed: as for a call.
        """
        # That module takes an `Explainer` apart, so it can't be imported before this one.
        from tf_fragile.explainers.as_gradient import as_gradient

        return as_gradient(self, target, seed)

    def on(self, network: Network) -> Explainer:
        """The same method on another network, e.g. one with surrogate activations."""
        return replace(self, network=network)

    def inputs(self, x: Any) -> Any:
        """`x` as float tensors, checked against the model.

        Raises:
          InputError: wrong shape, or NaN or infinity, naming the first sample at fault.
        """
        expected = _input_shapes(self.network.model)

        def convert(leaf: Any) -> tf.Tensor:
            if not tf.is_tensor(leaf):
                leaf = np.asarray(leaf)
                floating = np.issubdtype(leaf.dtype, np.floating)
                leaf = tf.convert_to_tensor(leaf, None if floating else self._dtype)
            return leaf if leaf.dtype.is_floating else tf.cast(leaf, self._dtype)

        x = tf.nest.map_structure(convert, x)
        flat = tf.nest.flatten(x)
        if expected is not None and len(expected) != len(flat):
            raise InputError(
                f"Model {self.network.model.name!r} takes {len(expected)} inputs, got {len(flat)}."
            )
        for i, leaf in enumerate(flat):
            if expected is not None and not _fits(leaf.shape, expected[i]):
                raise InputError(
                    f"Model {self.network.model.name!r} takes inputs of shape {expected[i]}, got "
                    f"{tuple(leaf.shape)}; resize or reshape them first."
                )
            if _is_eager(leaf):
                _check_finite(leaf)
        return x

    @property
    def _dtype(self) -> tf.DType:
        return tf.as_dtype(self.network.model.compute_dtype)

    @cached_property
    def _compiled(self) -> Any:
        return tf.function(self.attribute, autograph=False, reduce_retracing=True)

    def _check_map(self, maps: Any) -> None:
        for leaf in tf.nest.flatten(maps):
            finite = tf.reduce_all(tf.math.is_finite(leaf), axis=list(range(1, leaf.shape.rank)))
            if not tf.reduce_all(finite):
                bad = int(np.flatnonzero(~finite.numpy())[0])
                raise InputError(
                    f"The {self.name} map of sample {bad} of the batch overflows {leaf.dtype.name} "
                    f"on its way through model {self.network.model.name!r}; use a float64 model or "
                    "another explainer."
                )

    def _check_once(self, x: Any) -> None:
        if self.network.graph is None and "checked" not in self.__dict__:
            self.network.check_ends_in_logits(x)
            self.__dict__["checked"] = True


def _is_eager(tensor: tf.Tensor) -> bool:
    return hasattr(tensor, "numpy")


def _check_finite(x: tf.Tensor) -> None:
    finite = np.isfinite(x.numpy()).reshape(x.shape[0], -1).all(axis=1)
    if not finite.all():
        bad = int(np.flatnonzero(~finite)[0])
        raise InputError(
            f"Sample {bad} of the batch has NaN or infinite values; clean or drop it before "
            "explaining."
        )


def _input_shapes(model: keras.Model) -> list[tuple[int | None, ...]] | None:
    inputs = getattr(model, "inputs", None)
    return [tuple(tensor.shape) for tensor in inputs] if inputs else None


def _fits(actual: tf.TensorShape, expected: tuple[int | None, ...]) -> bool:
    return tf.TensorShape(expected).is_compatible_with(actual)
