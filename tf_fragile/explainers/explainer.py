"""A method bound to a model, with the checks and conversions that all methods share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.batches import in_batches
from tf_fragile.backprop.network import Network
from tf_fragile.errors import ExplanationWarning, InputError, shown
from tf_fragile.explainers.as_gradient import with_gradient
from tf_fragile.explainers.contract import Method
from tf_fragile.explainers.doubts import doubts, sentences
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.explainers.targets import as_target

Function = TypeVar("Function", bound=Callable[..., Any])


def _as_written(function: Function) -> Function:
    """`function` kept from AutoGraph, which in a user's `tf.function` would wrap its errors."""
    kept: Function = tf.autograph.experimental.do_not_convert(function)
    return kept


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

    @_as_written
    def __call__(self, x: Any, target: Any = None, seed: Any = 0) -> Any:
        """The signed attribution of each input entry, no reduction.

        A map that is the same everywhere, or whose entries are far beyond the logit they are
        shares of, comes with an `ExplanationWarning`.

        Args:
          x: [B, ...] in the model's nesting, NumPy arrays or tensors.
          target: int, [B] ints, one-hot [B, classes], or `None` for what the model predicts.
          seed: int, folded with the position in `x`, or [B] ints, one for each sample.

        Returns:
          Attributions in the nesting, shapes and float dtype of `x`; NumPy for NumPy.

        Raises:
          InputError: wrong shape, NaN or infinity in `x`, values that the method's settings
            exclude, a target that is no class, a map that overflows; or a model that can't be
            explained: outputs that are no logits, no function of its input, not what was recorded.
        """
        given = x
        plain = all(not tf.is_tensor(leaf) for leaf in tf.nest.flatten(x))
        x = self.inputs(x)
        batch = tf.shape(tf.nest.flatten(x)[0])[0]
        seeds = sample_seeds(seed, batch)
        self._check(x, given)
        labels = as_target(target, x, self.network)
        maps = self._maps(x, labels, seeds)
        if tf.executing_eagerly():
            for sentence in sentences(self.name, self.doubts(x, labels, maps)):
                warnings.warn(sentence, ExplanationWarning, stacklevel=3)
        maps = self.network.nested_like(given, maps)
        maps = tf.nest.map_structure(lambda m, leaf: tf.cast(m, _float(leaf, m.dtype)), maps, given)
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
        given, x = x, self.inputs(x)
        self._check(x, given)
        labels = as_target(target, x, self.network)
        seeds = sample_seeds(0, tf.shape(labels)[0])
        maps = self._maps(x, labels, seeds) if attribution is None else self.inputs(attribution)
        fixed = self.network.fixed_batch
        gaps = in_batches(lambda g: measure(self.network, *g), fixed, (x, labels, maps))
        return np.asarray(gaps)

    def doubts(self, x: Any, target: tf.Tensor, maps: Any) -> tuple[str, ...]:
        """What makes each map of prepared tensors no explanation, a clause a sample or empty."""
        return doubts(self.name, self.method, self.network, x, target, maps)

    def as_gradient(self, target: Any = None, seed: Any = 0) -> Callable[[Any], tf.Tensor]:
        """The score as a function of the input whose `tf.GradientTape` gradient is the map.

        Args:
          target: as for a call, resolved at every call of the function.
          seed: as for a call.

        Returns:
          A function from `x`, in the model's nesting, to the score [B] of the target; see
          `with_gradient`.
        """

        @_as_written
        def score(x: Any) -> tf.Tensor:
            given, x = x, self.inputs(x)
            if tf.executing_eagerly():
                self.network.check_nesting(given, x)
            labels = as_target(target, x, self.network)
            seeds = sample_seeds(seed, tf.shape(labels)[0])
            return with_gradient(
                lambda inputs: self.network.score(inputs, labels),
                lambda inputs: self.attribute(inputs, labels, seeds),
                x,
            )

        return score

    def on(self, network: Network) -> Explainer:
        """The same method on another network, e.g. one with surrogate activations."""
        return replace(self, network=network)

    def inputs(self, x: Any) -> Any:
        """`x` as methods take it: checked float tensors in the order of the model's inputs.

        Returns:
          One tensor, or a list where the model takes several; in the network's dtype.

        Raises:
          InputError: wrong shape or nesting, or NaN or infinity, naming the first sample at fault.
        """
        model, dtype = self.network.model, self.network.dtype
        x = self.network.flat(x)
        expected = _input_shapes(model)

        x = tf.nest.map_structure(lambda leaf: tf.cast(_numbers(leaf, model.name), dtype), x)
        for i, leaf in enumerate(tf.nest.flatten(x)):
            if expected is not None and i < len(expected) and not _fits(leaf.shape, expected[i]):
                raise InputError(
                    f"Model {model.name!r} takes inputs of shape {expected[i]}, got "
                    f"{tuple(leaf.shape)}; resize or reshape them first."
                )
            if leaf.shape[:1] == [0]:
                raise InputError("The batch is empty; give at least one sample.")
            if _is_eager(leaf):
                _check_finite(leaf)
        return x

    @cached_property
    def _compiled(self) -> Any:
        return tf.function(self._checked_shape, autograph=False, reduce_retracing=True)

    def _checked_shape(self, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """`attribute`, whose maps have to have the shapes of the inputs."""
        maps = self.attribute(x, target, seed)
        for leaf, found in zip(tf.nest.flatten(x), tf.nest.flatten(maps), strict=True):
            if not leaf.shape.is_compatible_with(found.shape):
                raise InputError(
                    f"The {self.name} map of model {self.network.model.name!r} came out in the "
                    f"shape {tuple(found.shape)} for inputs of shape {tuple(leaf.shape)}; that is "
                    "a fault of this explainer on this model: use another one and report it."
                )
        return maps

    def _maps(self, x: Any, labels: tf.Tensor, seeds: tf.Tensor) -> Any:
        """Maps of prepared tensors, in batches that the model takes, checked."""
        run = self._compiled if tf.executing_eagerly() else self._checked_shape
        maps = in_batches(lambda part: run(*part), self.network.fixed_batch, (x, labels, seeds))
        if tf.executing_eagerly():
            self._check_map(maps)
        return maps

    def _check(self, x: Any, given: Any) -> None:
        """Whether model, head and inputs are such that a map means anything; once a model."""
        if tf.executing_eagerly():
            self.network.check(x)
            self.network.check_nesting(given, x)
            check: Callable[..., None] | None = getattr(self.method, "check", None)
            if check is not None:
                check(self.network, x)
        else:
            self.network.check_in_advance()

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


def _numbers(leaf: Any, model: str) -> tf.Tensor:
    """One input as a tensor.

    Raises:
      InputError: it holds no real numbers.
    """
    try:
        tensor = leaf if tf.is_tensor(leaf) else tf.convert_to_tensor(np.asarray(leaf))
        if tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool:
            return tf.convert_to_tensor(tensor)
        given = f"of dtype {tensor.dtype.name}"
    except (TypeError, ValueError, OverflowError):
        given = shown(leaf)
    raise InputError(f"The inputs for model {model!r} are {given}; give arrays of numbers.")


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
    return [(None, *tensor.shape[1:]) for tensor in inputs] if inputs else None


def _float(leaf: Any, otherwise: tf.DType) -> tf.DType:
    """The dtype of `leaf` if it is a float type."""
    dtype = tf.as_dtype(leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype)
    return dtype if dtype.is_floating else otherwise


def _fits(actual: tf.TensorShape, expected: tuple[int | None, ...]) -> bool:
    return bool(tf.TensorShape(expected).is_compatible_with(actual))
