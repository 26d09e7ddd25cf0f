"""What every registered explainer promises; a new one is held to all of it by its registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.patterns import Patterns, pattern_nodes
from tf_fragile.errors import InputError
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.explainers.targets import as_target


def drawn_patterns(model: Any) -> Patterns:
    """Patterns of the right shapes that, unlike estimated ones, don't depend on the weights."""
    graph, rng = as_network(model).graph, np.random.default_rng(0)
    nodes = {} if graph is None else pattern_nodes(graph)
    shapes = {name: node.operation.kernels[0].shape for name, node in nodes.items()}
    kernels = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return Patterns(kernels, "linear", 0)


# Small budgets, so that a promise is checked in milliseconds; the others use their defaults.
SETTINGS: dict[str, dict[str, Any]] = {
    "deeplift_ablation": {"reference": 0.1},
    "deeplift_rescale": {"reference": 0.1},
    "deeplift_reveal_cancel": {"reference": 0.1},
    "integrated_gradients": {"steps": 4, "rule": "gauss_legendre", "baseline": 0.1},
    "pattern_attribution": {"patterns": drawn_patterns},
    # Projected, a map of patterns depends on the weights through the masks alone.
    "pattern_net": {"patterns": drawn_patterns, "project": False},
    "smoothgrad": {"samples": 3},
    "smoothgrad_squared": {"samples": 3, "base": "gradient_x_input"},
    "vargrad": {"samples": 3},
    "lrp_zbox": {"low": -6.0, "high": 6.0},
    "rectgrad": {"q": 50.0},  # of a layer of six units the 98th percentile is the largest
}
STOCHASTIC = {"smoothgrad", "smoothgrad_squared", "vargrad"}
# All others walk the graph, which a subclassed model does not have.
NEEDS_ONLY_GRADIENTS = {"gradient", "gradient_x_input", "integrated_gradients", *STOCHASTIC}
IMAGES_ONLY = {"grad_cam", "guided_grad_cam"}
ALL = tff.explainers()
every_explainer = pytest.mark.parametrize("name", ALL)


def make(name: str, model: Any) -> tff.explainers.Explainer:
    settings = {k: v(model) if callable(v) else v for k, v in SETTINGS.get(name, {}).items()}
    return tff.explain(name, model, **settings)


def refuses(name: str, wiring: str, it: Any) -> bool:
    """Whether the explainer has to refuse this model; if so, checks that it says why."""
    if name in IMAGES_ONLY and wiring in ("tabular", "one_unit", "two_inputs"):
        with pytest.raises(InputError, match="Grad-CAM explains one image"):
            make(name, it.model)(it.x)
        return True
    if wiring != "subclassed" or name in NEEDS_ONLY_GRADIENTS:
        return False
    with pytest.raises(InputError, match="is subclassed and has no"):
        make(name, it.model)(it.x)
    return True


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
def test_map_has_the_shape_and_dtype_of_the_input_and_is_finite(name, wiring, subject) -> None:
    it = subject(wiring)
    if refuses(name, wiring, it):
        return
    maps = make(name, it.model)(it.x)
    tf.nest.assert_same_structure(maps, it.x)
    for m, x in zip(tf.nest.flatten(maps), tf.nest.flatten(it.x), strict=True):
        assert isinstance(m, np.ndarray)
        assert m.shape == x.shape
        assert m.dtype == x.dtype
        assert np.isfinite(m).all()
        assert np.abs(m).max() > 0


@every_explainer
def test_tensor_in_tensor_out(name, subject) -> None:
    it = subject("plain")
    explainer = make(name, it.model)
    maps = explainer(tf.constant(it.x))
    assert tf.is_tensor(maps)
    assert_same(maps, explainer(it.x), rtol=0, atol=0)


@every_explainer
@pytest.mark.parametrize("wiring", ["plain", "branches", "two_inputs"])
def test_eager_function_and_xla_agree(name, wiring, subject) -> None:
    it = subject(wiring)
    if refuses(name, wiring, it):
        return
    explainer = make(name, it.model)
    arguments = prepared(explainer, it.x)
    eager = explainer.attribute(*arguments)
    scale = max(float(tf.reduce_max(tf.abs(leaf))) for leaf in tf.nest.flatten(eager))
    for jit in (False, True):
        compiled = tf.function(explainer.attribute, autograph=False, jit_compile=jit)
        assert_same(compiled(*arguments), eager, rtol=1e-4, atol=2e-5 * scale)


@every_explainer
@pytest.mark.parametrize("wiring", ["plain", "batch_norm"])
def test_map_does_not_depend_on_the_batch_it_came_in(name, wiring, subject) -> None:
    it = subject(wiring)
    explainer = make(name, it.model)
    seeds = [5, 6, 7, 8]
    whole = explainer(it.x, seed=seeds)
    for start, stop in ((0, 1), (3, 4), (1, 4)):
        part = explainer(rows(it.x, start, stop), seed=seeds[start:stop])
        np.testing.assert_allclose(part, whole[start:stop], rtol=1e-4, atol=1e-6)


@every_explainer
def test_seed_decides_the_map(name, subject) -> None:
    it = subject("plain")
    explainer = make(name, it.model)
    first, again, other = (explainer(it.x, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name not in STOCHASTIC)


@every_explainer
def test_samples_of_one_batch_get_different_randomness(name, subject) -> None:
    it = subject("plain")
    twins = np.repeat(it.x[:1], 2, axis=0)
    maps = make(name, it.model)(twins, seed=1)
    assert np.allclose(maps[0], maps[1]) == (name not in STOCHASTIC)


@every_explainer
@pytest.mark.parametrize("wiring", ["plain", "nested", "branches", "subclassed"])
def test_changing_a_weight_changes_the_next_map_without_retracing(name, wiring, subject) -> None:
    it = subject(wiring)
    if refuses(name, wiring, it):
        return
    explainer = make(name, it.model)
    before = explainer(it.x, target=1)
    traces = explainer._compiled.experimental_get_tracing_count()
    for variable in it.model.trainable_variables:
        variable.assign(0.5 * variable + 0.02)  # a mere factor leaves some methods unmoved
    after = explainer(it.x, target=1)
    assert explainer._compiled.experimental_get_tracing_count() == traces
    assert not np.allclose(before, after)
    assert_same(after, make(name, it.model)(it.x, target=1), rtol=1e-5, atol=1e-7)


@every_explainer
@pytest.mark.parametrize("wiring", ["plain", "residual", "branches", "batch_norm", "nested"])
def test_derivative_of_the_map_matches_central_differences(name, wiring, subject) -> None:
    it = subject(wiring, activation="softplus", dtype="float64")
    explainer = make(name, it.model)
    x, target, seed = prepared(explainer, it.x)
    rng = np.random.default_rng(0)
    weight, direction = (tf.constant(rng.standard_normal(x.shape)) for _ in range(2))

    def read(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(weight * explainer.attribute(x, target, seed))

    @tf.function(autograph=False)
    def slope(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = read(x)
        return tf.reduce_sum(direction * tape.gradient(value, x))

    h = 1e-6  # small, so that no max pool switches on the way
    once, twice = (read(x + t * direction) - read(x - t * direction) for t in (h, 2 * h))
    difference = (8 * once - twice) / (12 * h)  # of fourth order: relevance curves near its poles
    np.testing.assert_allclose(slope(x), difference, rtol=1e-6)


@every_explainer
def test_saved_model_round_trip(name, subject, tmp_path: Path) -> None:
    it = subject("plain")
    explainer = make(name, it.model)
    module = tf.Module()
    module.model = it.model
    module.explain = tf.function(
        lambda x: explainer(x, target=2, seed=4),
        input_signature=[tf.TensorSpec([None, 9, 9, 3])],
        autograph=False,
    )
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    expected = explainer(it.x, target=2, seed=4)
    np.testing.assert_allclose(loaded.explain(tf.constant(it.x)), expected, rtol=1e-5, atol=1e-7)


@every_explainer
def test_the_users_model_is_untouched(name, wiring, subject) -> None:
    it = subject(wiring)
    config = None if wiring == "subclassed" else it.model.to_json()
    weights, outputs = it.model.get_weights(), it.model.predict(it.x, verbose=0)
    layer_names = [layer.name for layer in it.model.layers]
    if not refuses(name, wiring, it):
        make(name, it.model)(it.x)
    assert config is None or it.model.to_json() == config
    assert [layer.name for layer in it.model.layers] == layer_names
    for before, after in zip(weights, it.model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(outputs, it.model.predict(it.x, verbose=0))


@every_explainer
def test_target_forms_agree(name, subject) -> None:
    it = subject("plain")
    explainer = make(name, it.model)
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
