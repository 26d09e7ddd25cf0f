"""What every registered explainer promises; a new one is held to all of it by its registration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.patterns import Patterns, pattern_nodes
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS, settings_of
from tf_fragile.explainers.contract import Stochastic
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.explainers.targets import as_target


def drawn_patterns(model: Any) -> Patterns:
    """Patterns of the right shapes that, unlike estimated ones, don't depend on the weights."""
    graph, rng = as_network(model).graph, np.random.default_rng(0)
    nodes = {} if graph is None else pattern_nodes(graph)
    shapes = {name: node.operation.kernels[0].shape for name, node in nodes.items()}
    kernels = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return Patterns(kernels, "linear", 0)


# What entries don't say. Budgets are small, so that a promise is checked in milliseconds.
FEW = {"steps": 4, "samples": 3}
REFERENCES = {"reference": 0.1, "baseline": 0.1}  # zero would hide mistakes
SETTINGS: dict[str, dict[str, Any]] = {
    # Projected, a map of patterns depends on the weights through the masks alone.
    "pattern_net": {"project": False},
    "smoothgrad_squared": {"base": "gradient_x_input"},
    "rectgrad": {"q": 50.0},  # of a layer of six units the 98th percentile is the largest
}
# Wirings that are compiled; the others are computed operation by operation, without tracing.
COMPILED = {"plain", "nested", "branches", "batch_norm", "two_inputs", "subclassed"}
ALL = tff.explainers()
# Of the module: all promises of one explainer in a row, so that they share what was traced for it.
every_explainer = pytest.mark.parametrize("name", ALL, scope="module")


def answering(*wirings: str) -> pytest.MarkDecorator:
    """Every explainer on those of the wirings that it does not refuse."""
    pairs = [(name, wiring) for name in ALL for wiring in wirings if not refuses(name, wiring)]
    return pytest.mark.parametrize(("name", "wiring"), pairs, scope="module")


def refuses(name: str, wiring: str) -> str:
    """By what an explainer has to refuse a model; empty where it has to answer."""
    entry = EXPLAINERS[name]
    if entry.images_only and wiring in ("tabular", "one_unit", "two_inputs"):
        return "Grad-CAM explains one image"
    return "is subclassed and has no" if wiring == "subclassed" and entry.graph else ""


def make(name: str, model: Any) -> tff.explainers.Explainer:
    entry = EXPLAINERS[name]
    settings = {} if entry.points is None else entry.few(FEW[entry.points.setting])
    settings |= {k: v for k, v in REFERENCES.items() if k in settings_of(name)}
    settings |= SETTINGS.get(name, {})
    for need in entry.unmet(settings):
        given = (drawn_patterns(model),) if need.what == "patterns" else (-6.0, 6.0)
        settings |= dict(zip(need.settings, given, strict=True))
    return tff.explain(name, model, **settings)


def is_stochastic(explainer: tff.explainers.Explainer) -> bool:
    """Whether its method says that the map depends on the seed."""
    return isinstance(explainer.method, Stochastic) and explainer.method.stochastic


@dataclass(frozen=True)
class State:
    """What a user sees of a model that an explainer must not change."""

    config: str | None
    layers: list[str]
    weights: list[np.ndarray]
    outputs: np.ndarray


def state(it: Any) -> State:
    model = it.model
    return State(
        config=model.to_json() if hasattr(model, "inputs") else None,
        layers=[layer.name for layer in model.layers],
        weights=model.get_weights(),
        outputs=model.predict(it.x, verbose=0),
    )


@dataclass(frozen=True)
class Case:
    """An explainer made and called once, the model before any was, and after this one."""

    it: Any
    before: State
    explainer: Any
    maps: Any
    refusal: str
    after: State


class Cases:
    """Cases, each made once: tracing is most of what a promise costs."""

    def __init__(self, subject: Callable[..., Any]) -> None:
        self._subject = subject
        self._made: dict[tuple[str, str], Case] = {}
        self._before: dict[str, State] = {}

    def __call__(self, name: str, wiring: str = "plain") -> Case:
        """The case of this explainer; those of others are forgotten."""
        if (name, wiring) not in self._made:
            self._made = {key: case for key, case in self._made.items() if key[0] == name}
            self._made[name, wiring] = self._case(name, wiring)
        return self._made[name, wiring]

    def _case(self, name: str, wiring: str) -> Case:
        it = self._subject(wiring)
        before = self._before.setdefault(wiring, state(it))
        explainer, maps, refusal = None, None, ""
        tf.config.run_functions_eagerly(wiring not in COMPILED)
        try:
            explainer = make(name, it.model)
            maps = explainer(it.x)
        except InputError as error:
            refusal = str(error)
        finally:
            tf.config.run_functions_eagerly(False)
        return Case(it, before, explainer, maps, refusal, state(it))


@pytest.fixture(scope="module")
def case(subject: Callable[..., Any]) -> Cases:
    """The maker of cases."""
    return Cases(subject)


def prepared(explainer: Any, x: Any) -> tuple[Any, tf.Tensor, tf.Tensor]:
    """Tensors as the bare method takes them."""
    x = explainer.inputs(x)
    batch = tf.nest.flatten(x)[0].shape[0]
    return x, as_target(None, x, explainer.network), sample_seeds(11, batch)


def rows(x: Any, start: int, stop: int) -> Any:
    return tf.nest.map_structure(lambda leaf: leaf[start:stop], x)


def assert_same(a: Any, b: Any, **tolerance: float) -> None:
    for left, right in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True):
        np.testing.assert_allclose(left, right, **tolerance)


@every_explainer
def test_map_has_the_shape_and_dtype_of_the_input_and_the_model_is_untouched(
    name, wiring, case
) -> None:
    its = case(name, wiring)
    assert its.after.config == its.before.config
    assert its.after.layers == its.before.layers
    for before, after in zip(its.before.weights, its.after.weights, strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(its.before.outputs, its.after.outputs)
    why = refuses(name, wiring)
    if why:
        assert why in its.refusal
        return
    assert not its.refusal
    tf.nest.assert_same_structure(its.maps, its.it.x)
    for m, x in zip(tf.nest.flatten(its.maps), tf.nest.flatten(its.it.x), strict=True):
        assert isinstance(m, np.ndarray)
        assert m.shape == x.shape
        assert m.dtype == x.dtype
        assert np.isfinite(m).all()
        assert np.abs(m).max() > 0


@every_explainer
def test_tensor_in_tensor_out(name, case) -> None:
    its = case(name)
    maps = its.explainer(tf.constant(its.it.x))
    assert tf.is_tensor(maps)
    assert_same(maps, its.explainer(its.it.x), rtol=0, atol=0)


@answering("branches", "two_inputs")
def test_eager_function_and_xla_agree(name, wiring, case) -> None:
    its = case(name, wiring)
    arguments = prepared(its.explainer, its.it.x)
    eager = its.explainer.attribute(*arguments)
    scale = max(float(tf.reduce_max(tf.abs(leaf))) for leaf in tf.nest.flatten(eager))
    function = its.explainer._compiled  # XLA compiles its graph, which is not traced again
    for compiled in (function, tf.function(function, autograph=False, jit_compile=True)):
        assert_same(compiled(*arguments), eager, rtol=1e-4, atol=2e-5 * scale)


@every_explainer
@pytest.mark.parametrize("wiring", ["plain", "batch_norm"])
def test_map_does_not_depend_on_the_batch_it_came_in(name, wiring, case) -> None:
    its = case(name, wiring)
    seeds = [5, 6, 7, 8]
    whole = its.explainer(its.it.x, seed=seeds)
    for start, stop in ((0, 1), (3, 4), (1, 4)):
        part = its.explainer(rows(its.it.x, start, stop), seed=seeds[start:stop])
        np.testing.assert_allclose(part, whole[start:stop], rtol=1e-4, atol=1e-6)


@every_explainer
def test_seed_decides_the_map(name, case) -> None:
    its = case(name)
    first, again, other = (its.explainer(its.it.x, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (not is_stochastic(its.explainer))


@every_explainer
def test_samples_of_one_batch_get_different_randomness(name, case) -> None:
    its = case(name)
    alike = np.repeat(its.it.x[:1], 4, axis=0)
    maps = its.explainer(alike, seed=1)
    for other in (1, 2, 3):
        assert np.allclose(maps[0], maps[other]) == (not is_stochastic(its.explainer))


@answering("plain", "nested", "branches", "subclassed")
def test_changing_a_weight_changes_the_next_map_without_retracing(name, wiring, case) -> None:
    its = case(name, wiring)
    explainer, it = its.explainer, its.it
    before = explainer(it.x, target=1)
    traces = explainer._compiled.experimental_get_tracing_count()
    try:
        for variable in it.model.trainable_variables:
            variable.assign(0.5 * variable + 0.02)  # a mere factor leaves some methods unmoved
        after = explainer(it.x, target=1)
        assert explainer._compiled.experimental_get_tracing_count() == traces
        assert not np.allclose(before, after)
        assert_same(after, make(name, it.model)(it.x, target=1), rtol=1e-5, atol=1e-7)
    finally:  # others get the model as it was
        it.model.set_weights(its.before.weights)


@every_explainer
@pytest.mark.parametrize("wiring", ["plain", "residual", "branches", "batch_norm", "nested"])
def test_derivative_of_the_map_matches_central_differences(name, wiring, subject) -> None:
    it = subject(wiring, activation="softplus", dtype="float64")
    explainer = make(name, it.model)
    x, target, seed = prepared(explainer, it.x)
    rng = np.random.default_rng(0)
    weight, direction = (tf.constant(rng.standard_normal(x.shape)) for _ in range(2))

    def slope(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = tf.reduce_sum(weight * explainer.attribute(x, target, seed))
        return tf.reduce_sum(direction * tape.gradient(value, x))

    if wiring == "branches":  # the others operation by operation, which is much quicker
        slope = tf.function(slope, autograph=False)
    h = 1e-6  # small, so that no max pool switches on the way
    moved = tf.concat([x + t * direction for t in (h, -h, 2 * h, -2 * h)], 0)
    maps = explainer.attribute(moved, tf.tile(target, [4]), tf.tile(seed, [4, 1]))
    read = np.sum(weight * np.reshape(maps, [4, *x.shape]), axis=(1, 2, 3, 4))
    once, twice = read[0] - read[1], read[2] - read[3]
    difference = (8 * once - twice) / (12 * h)  # of fourth order: relevance curves near its poles
    np.testing.assert_allclose(slope(x), difference, rtol=1e-6)


@every_explainer
def test_saved_model_round_trip(name, case, tmp_path: Path) -> None:
    its = case(name)
    module = tf.Module()
    module.model = its.it.model
    module.explain = tf.function(
        lambda x: its.explainer(x, target=2, seed=4),
        input_signature=[tf.TensorSpec([None, 9, 9, 3])],
        autograph=False,
    )
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    expected = its.explainer(its.it.x, target=2, seed=4)
    np.testing.assert_allclose(
        loaded.explain(tf.constant(its.it.x)), expected, rtol=1e-5, atol=1e-7
    )


@every_explainer
def test_target_forms_agree(name, case) -> None:
    it, explainer = case(name).it, case(name).explainer
    one = explainer(it.x, target=2)
    assert_same(explainer(it.x, target=[2, 2, 2, 2]), one, rtol=0, atol=0)
    assert_same(explainer(it.x, target=np.eye(4)[[2, 2, 2, 2]]), one, rtol=0, atol=0)
    labels = it.model.predict(it.x, verbose=0).argmax(axis=1)
    assert_same(explainer(it.x), explainer(it.x, target=labels), rtol=0, atol=0)


@every_explainer
def test_methods_are_hashable_settings_that_compare_by_value(name, subject) -> None:
    it = subject("plain")
    first, second = make(name, it.model).method, make(name, it.model).method
    assert first == second
    assert hash(first) == hash(second)
