"""Pattern estimation against closed forms and against patches cut by hand."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest

from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.patterns import (
    Patterns,
    bottlenecks,
    estimate_patterns,
    load_patterns,
    pattern_nodes,
)
from tf_fragile.errors import InputError, UnsupportedLayerError

L = keras.layers
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_dtype_policy(before[0])
    keras.config.set_floatx(before[1])


def shaken(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + 0.3 * rng.standard_normal(variable.shape))
    return model


def by_hand(x: np.ndarray, w: np.ndarray, active: np.ndarray | None) -> np.ndarray:
    """Patterns [d, out] of patches x [n, d] and kernels w [d, out], the formulas as printed."""
    y = x @ w
    result = np.zeros_like(w)
    for j in range(w.shape[1]):
        chosen = np.ones(len(x), bool) if active is None else active[:, j]
        if not chosen.any():
            continue
        mean_xy = (x[chosen] * y[chosen, j : j + 1]).mean(axis=0)
        mean_x, mean_y = x[chosen].mean(axis=0), y[:, j].mean()
        below = w[:, j] @ mean_xy - w[:, j] @ mean_x * mean_y
        result[:, j] = (mean_xy - mean_x * mean_y) / below
    return result


def patches(x: np.ndarray, size: int, stride: int, pad: tuple[int, int]) -> np.ndarray:
    """Every window of images [B, H, W, C] as a row, zeros outside."""
    x = np.pad(x, [(0, 0), pad, pad, (0, 0)])
    steps = range(0, x.shape[1] - size + 1, stride)
    windows = [x[:, i : i + size, j : j + size] for i in steps for j in steps]
    return np.stack(windows, axis=1).reshape(-1, size * size * x.shape[-1])


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["linear", "relu", "relu_negative"])
def test_streamed_patterns_are_those_of_patches_cut_by_hand(estimator: str) -> None:
    first = L.Conv2D(4, 3, strides=2, padding="same", name="first")
    second = L.Conv2D(3, 2, name="second")
    top = L.Dense(2, name="top")
    stack = [first, L.BatchNormalization(), L.ReLU(), second, L.Activation("relu"), L.Flatten()]
    model = shaken(keras.Sequential([keras.Input((7, 7, 2)), *stack, top]))
    x = RNG.standard_normal((11, 7, 7, 2))
    found = estimate_patterns(model, iter([x[:4], x[4:5], x[5:]]), estimator)
    assert (found.samples, found.estimator) == (11, estimator)

    outputs = [x]
    for layer in model.layers:
        outputs.append(np.asarray(layer(outputs[-1])))
    # "same" with stride 2 pads 7 to 9: one row before, one after.
    cut = {
        "first": (patches(x, 3, 2, (1, 1)), outputs[3]),
        "second": (patches(outputs[3], 2, 1, (0, 0)), outputs[5]),
        "top": (outputs[6], outputs[7]),  # no activation behind it: its own sign
    }
    for layer in (first, second, top):
        rows, result = cut[layer.name]
        kernel = layer.kernel.numpy()
        positive = result.reshape(-1, kernel.shape[-1]) > 0
        active = {"linear": None, "relu": positive, "relu_negative": ~positive}[estimator]
        expected = by_hand(rows, kernel.reshape(-1, kernel.shape[-1]), active)
        np.testing.assert_allclose(
            found.kernels[layer.name], expected.reshape(kernel.shape), atol=1e-9
        )


@pytest.mark.parametrize("estimator", ["linear", "relu"])
def test_a_kernel_reads_one_from_its_own_pattern(estimator: str) -> None:
    grouped = L.Conv2D(4, 2, groups=2, activation="relu", name="grouped")
    depthwise = L.DepthwiseConv2D(2, depth_multiplier=2, activation="relu", name="depthwise")
    stack = [grouped, depthwise, L.Flatten(), L.Dense(3, name="top")]
    model = shaken(keras.Sequential([keras.Input((5, 5, 4)), *stack]))
    for layer in (grouped, depthwise, stack[-1]):  # no unit without an active sample
        layer.bias.assign(layer.bias + 1.0)
    kernels = estimate_patterns(model, [RNG.standard_normal((50, 5, 5, 4))], estimator).kernels
    for layer, axes in ((grouped, (0, 1, 2)), (depthwise, (0, 1)), (stack[-1], (0,))):
        product = (layer.kernel.numpy() * kernels[layer.name]).sum(axis=axes)
        np.testing.assert_allclose(product, 1, atol=1e-9)


def test_uncorrelated_inputs_of_unit_variance_give_the_kernel_over_its_square() -> None:
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="top")])
    cube = np.array(list(itertools.product([-1.0, 1.0], repeat=4)))
    kernel = model.layers[-1].kernel.numpy()
    found = estimate_patterns(model, [cube], "linear").kernels["top"]
    np.testing.assert_allclose(found, kernel / (kernel**2).sum(axis=0), atol=1e-12)


def test_a_kernel_that_cancels_a_distractor_has_the_signal_as_pattern() -> None:
    # Haufe et al. 2014: x = y (1, 0) + e (1, 1) is read by w = (1, -1), its signal is (1, 0).
    y, e = RNG.uniform(size=(2, 1000, 1))
    model = keras.Sequential([keras.Input((2,)), L.Dense(1, use_bias=False, name="top")])
    x = y * [1.0, 0.0] + e * [1.0, 1.0]
    model.layers[-1].kernel.assign(np.linalg.lstsq(x, y, rcond=None)[0])
    np.testing.assert_allclose(model.layers[-1].kernel[:, 0], [1, -1], atol=1e-9)
    for estimator in ("linear", "relu"):
        pattern = estimate_patterns(model, np.split(x, 10), estimator).kernels["top"][:, 0]
        np.testing.assert_allclose(pattern, [1, 0], atol=0.05)


def test_a_unit_that_is_never_active_has_no_pattern() -> None:
    dead = L.Dense(2, activation="relu", name="dead")
    model = keras.Sequential([keras.Input((3,)), dead, L.Dense(2)])
    dead.bias.assign([-100.0, 0.0])
    pattern = estimate_patterns(model, [RNG.standard_normal((8, 3))]).kernels["dead"]
    np.testing.assert_array_equal(pattern[:, 0], 0)
    assert np.abs(pattern[:, 1]).min() > 0


def test_each_call_of_a_shared_layer_has_its_own_pattern() -> None:
    x, shared = keras.Input((3,)), L.Dense(3, activation="relu", name="shared")
    model = shaken(keras.Model(x, L.Dense(2, name="top")(shared(shared(x)))))
    found = estimate_patterns(model, [RNG.standard_normal((8, 3))]).kernels
    assert set(found) == {"shared", "shared#2", "top"}
    assert not np.allclose(found["shared"], found["shared#2"])


def test_bottlenecks_are_where_all_paths_meet() -> None:
    x = keras.Input((4, 4, 2))
    h = L.Conv2D(2, 3, padding="same", activation="relu", name="stem")(x)
    h = L.Add(name="sum")([h, L.Conv2D(2, 1, name="branch")(h)])
    graph = as_network(keras.Model(x, L.Dense(2, name="top")(L.Flatten(name="flat")(h)))).graph
    producers = graph.producers()
    found = [producers[slot] for slot in bottlenecks(graph)]
    assert [node.name for node in found] == ["stem", "sum", "flat", "top"]
    assert type(found[0].operation).__name__ == "Activation"  # not the hidden pre-activation


def small() -> keras.Model:
    stack = [L.Conv2D(3, 2, activation="relu", name="conv"), L.Flatten()]
    return keras.Sequential([keras.Input((4, 4, 2)), *stack, L.Dense(2, name="top")], name="net")


def test_patterns_survive_a_file(tmp_path) -> None:
    patterns = estimate_patterns(small(), [RNG.standard_normal((5, 4, 4, 2))])
    patterns.save(tmp_path / "patterns.npz")
    loaded = load_patterns(tmp_path / "patterns.npz")
    assert loaded == patterns
    assert hash(loaded) == hash(patterns)
    for name, kernel in patterns.kernels.items():
        np.testing.assert_array_equal(loaded.kernels[name], kernel)
        assert loaded.kernels[name].dtype == kernel.dtype


def test_files_that_are_no_patterns(tmp_path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    np.savez(tmp_path / "pickled.npz", estimator=np.array([{}], object), samples=1)
    (tmp_path / "text.npz").write_text("hello")
    for name in ("other.npz", "pickled.npz", "text.npz", "absent.npz"):
        with pytest.raises(InputError, match=f"{name} is no file of patterns"):
            load_patterns(tmp_path / name)


def drawn(model: keras.Model) -> dict[str, np.ndarray]:
    nodes = pattern_nodes(as_network(model).graph)
    return {k: RNG.standard_normal(n.operation.kernels[0].shape) for k, n in nodes.items()}


def test_patterns_of_another_model_name_the_layer() -> None:
    model = small()
    good, graph = drawn(model), as_network(model).graph
    Patterns(good, "linear", 1).check(graph, "net")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"conv": good["conv"]}, "have none for layer 'top'; estimate patterns on model 'net'"),
        (good | {"top": np.zeros((3, 2))}, r"layer 'top' has shape \(3, 2\), its kernel \(27, 2\)"),
        (good | {"extra": np.zeros(1)}, "have one for layer 'extra', which the model lacks"),
    ]
    for kernels, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            Patterns(kernels, "linear", 1).check(graph, "net")


def test_bad_input_to_the_estimation() -> None:
    with pytest.raises(InputError, match="pattern estimator 'rely'; did you mean relu"):
        estimate_patterns(small(), [], "rely")
    with pytest.raises(InputError, match="no batches to estimate patterns from"):
        estimate_patterns(small(), [])
    stack = [L.SeparableConv2D(2, 2, name="odd"), L.Flatten(), L.Dense(2)]
    odd = keras.Sequential([keras.Input((4, 4, 2)), *stack])
    with pytest.raises(UnsupportedLayerError, match="layer 'odd'"):
        estimate_patterns(odd, [np.zeros((1, 4, 4, 2))])

    class Opaque(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(InputError, match="subclassed and has no graph to estimate patterns in"):
        estimate_patterns(Opaque(name="opaque"), [np.zeros((1, 2))])
