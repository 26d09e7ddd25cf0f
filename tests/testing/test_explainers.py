"""Every check of explainers is seen to fail on an explainer that breaks its promise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.errors import InputError
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.gradient import Gradient
from tf_fragile.explainers.noise import normal
from tf_fragile.testing import WIRINGS, Tiny, check_explainer, tiny
from tf_fragile.testing import explainers as promises

kept_once = lru_cache(maxsize=None)(tiny)
Fault = Callable[[Network, Any, tf.Tensor, tf.Tensor, tf.Tensor], Any]


@dataclass(frozen=True)
class Spoiled:
    """The gradient, spoiled by a function of (network, x, target, seed, gradient)."""

    fault: Fault
    stochastic: bool = False
    evaluations: int = 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        gradient = Gradient().attribute(network, x, target, seed)
        return self.fault(network, x, target, seed, gradient)


def spoiled(it: Tiny, fault: Fault, **changes: Any) -> Explainer:
    return Explainer("spoiled", Spoiled(fault, **changes), as_network(it.model))


@pytest.fixture
def it() -> Tiny:
    return kept_once("plain")


@pytest.fixture
def exact() -> Tiny:
    return kept_once("plain", "softplus", "float64")


def of_the_batch(network: Network, x: Any, target: Any, seed: Any, gradient: Any) -> Any:
    return gradient - tf.reduce_mean(gradient, 0)


def random_number(network: Network, x: Any, target: Any, seed: Any, gradient: Any) -> Any:
    return gradient + normal(seed, 0, gradient)


def shared_number(network: Network, x: Any, target: Any, seed: Any, gradient: Any) -> Any:
    return gradient + normal(tf.repeat(seed[:1], tf.shape(seed)[0], 0), 0, gradient)


def stopped(network: Network, x: Any, target: Any, seed: Any, gradient: Any) -> Any:
    return tf.stop_gradient(gradient) + 0 * x


def half_stopped(network: Network, x: Any, target: Any, seed: Any, gradient: Any) -> Any:
    return gradient + tf.stop_gradient(gradient)


def eager_only(network: Network, x: Any, target: Any, seed: Any, gradient: Any) -> Any:
    return gradient * (2.0 if tf.executing_eagerly() else 1.0)


def fine(network: Network, x: Any, target: Any, seed: Any, gradient: Any) -> Any:
    return gradient


@pytest.mark.parametrize(
    ("check", "fault", "changes", "said"),
    [
        (promises.check_compiled, eager_only, {}, "Traced, a map is another one: they are up to"),
        (promises.check_batches, of_the_batch, {}, "Samples 0 to 0 have other maps on their own"),
        (promises.check_seed, random_number, {}, "Another seed gives other maps; say so by a"),
        (
            promises.check_seed,
            fine,
            {"stochastic": True},
            "Another seed gives the same maps, thoug",
        ),
        (promises.check_samples, random_number, {}, "Equal samples of one batch get other maps."),
        (
            promises.check_samples,
            shared_number,
            {"stochastic": True},
            "Samples of one batch share their random numbers.",
        ),
    ],
)
def test_a_broken_promise_is_a_sentence(
    check: Callable[[Explainer, Any], None], fault: Fault, changes: Any, said: str, it: Tiny
) -> None:
    with pytest.raises(AssertionError, match=re.escape(said)):
        check(spoiled(it, fault, **changes), it.x)


def test_a_random_explainer_that_says_so_keeps_its_promises(it: Tiny) -> None:
    explainer = spoiled(it, random_number, stochastic=True)
    for check in (promises.check_seed, promises.check_samples, promises.check_batches):
        check(explainer, it.x)


@pytest.mark.parametrize(("fault", "said"), [
    (stopped, "The derivative of the map is 0, and differences say"),
    (half_stopped, "The derivative of the map is"),
])  # fmt: skip
def test_a_wrong_derivative_is_a_sentence(fault: Fault, said: str, exact: Tiny) -> None:
    promises.check_derivative(spoiled(exact, fine), exact.x)
    with pytest.raises(AssertionError, match=said):
        promises.check_derivative(spoiled(exact, fault), exact.x)


def test_maps_that_are_no_maps_are_sentences(it: Tiny) -> None:
    maps = np.ones_like(it.x)
    promises.check_maps(maps, it.x)
    for broken, said in (
        ({"a": maps}, "The maps are not nested as the inputs are."),
        (tf.constant(maps), "NumPy inputs are not answered in NumPy."),
        (maps.sum(-1), "A map is float32 (4, 9, 9) for inputs float32 (4, 9, 9, 3)."),
        (maps.astype("float64"), "A map is float64 (4, 9, 9, 3) for inputs float32"),
        (maps * np.nan, "A map is not finite."),
        (maps * 0, "All maps are zero."),
    ):
        with pytest.raises(AssertionError, match=re.escape(said)):
            promises.check_maps(broken, it.x)


def test_a_changed_model_is_a_sentence(it: Tiny) -> None:
    before = promises.state_of(it.model, it.x)
    promises.check_untouched(before, promises.state_of(it.model, it.x))
    weights = it.model.get_weights()
    try:
        it.model.set_weights([np.nextafter(w, 9) for w in weights])
        with pytest.raises(AssertionError, match=r"Explaining changed the model: .*weights\[0\]"):
            promises.check_untouched(before, promises.state_of(it.model, it.x))
    finally:
        it.model.set_weights(weights)


def test_a_model_that_should_be_refused_is_told(it: Tiny) -> None:
    def refusing(model: keras.Model) -> Explainer:
        raise InputError("Not this one.")

    promises.check_refused(refusing, it.model, it.x)
    with pytest.raises(AssertionError, match="The model is answered, and it should be refused"):
        promises.check_refused(lambda model: tff.explain("gradient", model), it.model, it.x)


@dataclass(frozen=True)
class _Answers:
    """An explainer whose answers are changed on their way out."""

    own: Explainer
    change: Callable[[Any, Any, Any], Any]
    name: str = "changed"
    calls: list[int] = field(default_factory=list)

    def __call__(self, x: Any, target: Any = None, seed: Any = 0) -> Any:
        self.calls.append(1)
        return self.change(x, target, self.own(x, target, seed))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)


def test_what_answers_otherwise_by_how_it_is_asked_is_a_sentence(it: Tiny) -> None:
    own = tff.explain("gradient", it.model)
    promises.check_tensors(own, it.x)
    promises.check_targets(own, it.x)

    def arrays(x: Any, target: Any, maps: Any) -> Any:
        return np.asarray(maps)

    def doubled_tensors(x: Any, target: Any, maps: Any) -> Any:
        return 2 * maps if tf.is_tensor(x) else maps

    def doubled_lists(x: Any, target: Any, maps: Any) -> Any:
        return 2 * maps if isinstance(target, list) else maps

    def doubled_rows(x: Any, target: Any, maps: Any) -> Any:
        return 2 * maps if np.ndim(target) == 2 else maps

    def doubled_none(x: Any, target: Any, maps: Any) -> Any:
        return 2 * maps if target is None else maps

    for check, change, said in (
        (promises.check_tensors, arrays, "Tensors are not answered by tensors."),
        (promises.check_tensors, doubled_tensors, "Tensors and arrays are answered by different"),
        (promises.check_targets, doubled_lists, "A target as ints has another map"),
        (promises.check_targets, doubled_rows, "A target as one-hot has another map"),
        (promises.check_targets, doubled_none, "Without a target not what the model predicts is"),
    ):
        with pytest.raises(AssertionError, match=said):
            check(_Answers(own, change), it.x)  # type: ignore[arg-type]


def test_weights_that_are_read_too_early_are_a_sentence(it: Tiny) -> None:
    before = it.model.get_weights()

    def make(model: keras.Model) -> Explainer:
        return tff.explain("gradient", model)

    def frozen(model: keras.Model) -> Explainer:
        kept = [tf.constant(variable) for variable in model.trainable_variables]

        def fault(network: Network, x: Any, target: Any, seed: Any, gradient: Any) -> Any:
            return tf.ones_like(gradient) * tf.reduce_sum(kept[0]) * (1 + 0 * gradient)

        return Explainer("frozen", Spoiled(fault), as_network(model))

    promises.check_weights(make, it.model, it.x)
    with pytest.raises(AssertionError, match="Other weights have the same map: weights were read"):
        promises.check_weights(frozen, it.model, it.x)
    for one, other in zip(before, it.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_methods_that_are_not_equal_are_a_sentence(it: Tiny) -> None:
    promises.check_settings(lambda model: tff.explain("gradient", model), it.model)
    with pytest.raises(AssertionError, match="Two methods of the same settings are not equal"):
        promises.check_settings(lambda m: spoiled(it, lambda *a: a[-1]), it.model)


def test_a_saved_model_of_another_map_is_a_sentence(it: Tiny, tmp_path: Path) -> None:
    own = tff.explain("gradient", it.model)

    def traced(x: Any, target: Any, maps: Any) -> Any:
        return maps if isinstance(x, np.ndarray) else 2 * maps

    with pytest.raises(AssertionError, match="Saved and loaded, a map is another one"):
        promises.check_saved(_Answers(own, traced), it.x, tmp_path)  # type: ignore[arg-type]


@pytest.mark.slow
def test_all_of_them_at_once() -> None:
    def make(model: keras.Model) -> Explainer:
        return tff.explain("gradient", model)

    check_explainer(make)
    with pytest.raises(AssertionError, match="On the model 'plain': The model is answered, and"):
        check_explainer(make, refuses=["plain"])


def test_an_error_names_the_model_that_it_came_with() -> None:
    def make(model: keras.Model) -> Explainer:
        raise KeyError("oops")

    with pytest.raises(KeyError) as caught:
        check_explainer(make)
    assert caught.value.__notes__ == [f"This was on the model {next(iter(WIRINGS))!r}."]
