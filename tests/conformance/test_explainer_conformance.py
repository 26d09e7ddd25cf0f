"""What every registered explainer promises; a new one is held to all of it by its registration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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
from tf_fragile.testing import explainers as promises
from tf_fragile.testing.explainers import State, state_of


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
        before = self._before.setdefault(wiring, state_of(it.model, it.x))
        explainer, maps, refusal = None, None, ""
        tf.config.run_functions_eagerly(wiring not in COMPILED)
        try:
            explainer = make(name, it.model)
            maps = explainer(it.x)
        except InputError as error:
            refusal = str(error)
        finally:
            tf.config.run_functions_eagerly(False)
        return Case(it, before, explainer, maps, refusal, state_of(it.model, it.x))


@pytest.fixture(scope="module")
def case(subject: Callable[..., Any]) -> Cases:
    """The maker of cases."""
    return Cases(subject)


@every_explainer
def test_map_has_the_shape_and_dtype_of_the_input_and_the_model_is_untouched(
    name, wiring, case
) -> None:
    its = case(name, wiring)
    promises.check_untouched(its.before, its.after)
    why = refuses(name, wiring)
    if why:
        assert why in its.refusal
        return
    assert not its.refusal
    promises.check_maps(its.maps, its.it.x)


@every_explainer
def test_tensor_in_tensor_out(name, case) -> None:
    its = case(name)
    promises.check_tensors(its.explainer, its.it.x)


@answering("branches", "two_inputs")
def test_eager_function_and_xla_agree(name, wiring, case) -> None:
    its = case(name, wiring)
    promises.check_compiled(its.explainer, its.it.x)


@every_explainer
@pytest.mark.parametrize("wiring", ["plain", "batch_norm"])
def test_map_does_not_depend_on_the_batch_it_came_in(name, wiring, case) -> None:
    its = case(name, wiring)
    promises.check_batches(its.explainer, its.it.x)


@every_explainer
def test_seed_decides_the_map(name, case) -> None:
    its = case(name)
    promises.check_seed(its.explainer, its.it.x)


@every_explainer
def test_samples_of_one_batch_get_different_randomness(name, case) -> None:
    its = case(name)
    promises.check_samples(its.explainer, its.it.x)


@answering("plain", "nested", "branches", "subclassed")
def test_changing_a_weight_changes_the_next_map_without_retracing(name, wiring, case) -> None:
    its = case(name, wiring)
    promises.check_reads_weights(its.explainer, partial(make, name), its.it.x)


@every_explainer
@pytest.mark.parametrize("wiring", ["plain", "residual", "branches", "batch_norm", "nested"])
def test_derivative_of_the_map_matches_central_differences(name, wiring, subject) -> None:
    it = subject(wiring, activation="softplus", dtype="float64")
    # The others operation by operation, which is much quicker.
    promises.check_derivative(make(name, it.model), it.x, traced=wiring == "branches")


@every_explainer
def test_saved_model_round_trip(name, case, tmp_path: Path) -> None:
    its = case(name)
    promises.check_saved(its.explainer, its.it.x, tmp_path / "saved")


@every_explainer
def test_target_forms_agree(name, case) -> None:
    its = case(name)
    promises.check_targets(its.explainer, its.it.x)


@every_explainer
def test_methods_are_hashable_settings_that_compare_by_value(name, subject) -> None:
    promises.check_settings(partial(make, name), subject("plain").model)
