"""PatternNet and PatternAttribution against gradients, explicit matrices and their own limits."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.patterns import Patterns, pattern_nodes
from tf_fragile.errors import InputError, UnsupportedLayerError

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 8, 8, 2))


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_dtype_policy(before[0])
    keras.config.set_floatx(before[1])


def conv_net() -> keras.Model:
    stack = [
        L.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        L.MaxPooling2D(3, 1),
        L.Conv2D(3, 2, padding="same"),
        L.ReLU(),
        L.Flatten(),
        L.Dropout(0.5),
        L.Dense(3),
    ]
    model = keras.Sequential([keras.Input((8, 8, 2)), *stack], name="net")
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + 0.3 * rng.standard_normal(variable.shape))
    model.layers[2].bias.assign(model.layers[2].bias + 1.0)  # no sample without an active unit
    return model


def patterns_like(model: keras.Model, draw) -> Patterns:
    nodes = pattern_nodes(as_network(model).graph)
    return Patterns({k: draw(n.operation.kernels[0].numpy()) for k, n in nodes.items()}, "", 0)


def random_patterns(model: keras.Model) -> Patterns:
    return patterns_like(model, lambda kernel: RNG.standard_normal(kernel.shape))


def test_with_kernels_for_patterns_pattern_net_is_the_gradient_times_the_logit() -> None:
    model = conv_net()
    patterns = patterns_like(model, np.array)
    logit = model(X).numpy()[:, 1].reshape(-1, 1, 1, 1)
    gradient = tff.explain("gradient", model)(X, target=1)
    for head, factor in (("one", 1.0), ("logit", logit), ("relu", np.maximum(logit, 0))):
        maps = tff.explain("pattern_net", model, patterns=patterns, project=False, head=head)(X, 1)
        np.testing.assert_allclose(maps, factor * gradient, atol=1e-12)


def layer_matrix(layer, kernel, shape) -> np.ndarray:
    """The layer with another kernel and no bias as a matrix [in, out]."""
    own = layer.get_weights()
    activation, layer.activation = layer.activation, keras.activations.linear
    layer.set_weights([kernel, np.zeros_like(own[1])])
    size = int(np.prod(shape))
    rows = np.asarray(layer(np.eye(size).reshape(size, *shape))).reshape(size, -1)
    layer.set_weights(own)
    layer.activation = activation
    return rows


@pytest.mark.parametrize("name", ["pattern_net", "pattern_attribution"])
def test_maps_are_those_of_explicit_matrices(name: str) -> None:
    model = conv_net()
    patterns = random_patterns(model)
    maps = tff.explain(name, model, patterns=patterns, project=False)(X, target=1)
    first, pool, second, *_, top = model.layers
    matrices = []
    for layer, shape in ((first, (8, 8, 2)), (second, (2, 2, 4)), (top, (12,))):
        kernel = patterns.kernels[layer.name]
        if name == "pattern_attribution":
            kernel = kernel * layer.kernel.numpy()
        matrices.append(layer_matrix(layer, kernel, shape))
    index = np.arange(4 * 4 * 4).reshape(4, 4, 4)
    for found, x in zip(maps, X, strict=True):
        h = np.asarray(first(x[None]))[0]
        pooled = np.asarray(pool(h[None]))
        z = np.asarray(second(pooled))[0]
        relevance = np.zeros(3)
        relevance[1] = model(x[None]).numpy()[0, 1]
        relevance = (matrices[2] @ relevance) * (z.ravel() > 0)
        relevance = matrices[1] @ relevance
        below = np.zeros(h.size)
        for place, r in zip(np.ndindex(2, 2, 4), relevance, strict=True):
            i, j, c = place
            window = index[i : i + 3, j : j + 3, c].ravel()
            below[window[np.argmax(h.ravel()[window])]] += r
        expected = matrices[0] @ (below * (h.ravel() > 0))
        assert np.abs(expected).max() > 1e-4
        np.testing.assert_allclose(found.ravel(), expected, atol=1e-9)


@pytest.mark.parametrize("name", ["pattern_net", "pattern_attribution"])
def test_projection_changes_the_length_of_a_map_and_not_its_direction(name: str) -> None:
    model = conv_net()
    patterns = random_patterns(model)
    plain, projected = (
        tff.explain(name, model, patterns=patterns, project=p)(X, target=1) for p in (False, True)
    )
    ratio = np.linalg.norm(projected.reshape(3, -1), axis=1) / np.linalg.norm(
        plain.reshape(3, -1), axis=1
    )
    np.testing.assert_allclose(projected, plain * ratio.reshape(-1, 1, 1, 1), atol=1e-12)
    assert np.abs(ratio - 1).min() > 1e-3


def test_projection_keeps_a_deep_chain_of_large_patterns_finite() -> None:
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    stack = [L.Conv2D(4, 3, padding="same", activation="relu") for _ in range(12)]
    model = keras.Sequential([keras.Input((8, 8, 2)), *stack, L.Flatten(), L.Dense(3)])
    patterns = patterns_like(model, lambda kernel: 1e4 * RNG.standard_normal(kernel.shape))
    x = X.astype("float32")
    with pytest.raises(InputError, match=r"The pattern_net map of sample 0 .* overflows float32"):
        tff.explain("pattern_net", model, patterns=patterns, project=False)(x, target=1)
    tame = tff.explain("pattern_net", model, patterns=patterns)(x, target=1)
    assert np.isfinite(tame).all()
    assert np.abs(tame).max() > 0


def test_relevance_of_nothing_stays_nothing() -> None:
    model = conv_net()
    model.layers[-1].bias.assign([0.0, -1e3, 0.0])
    maps = tff.explain("pattern_net", model, patterns=random_patterns(model), head="relu")(X, 1)
    np.testing.assert_array_equal(maps, np.zeros_like(X))


def test_either_class_of_one_output_unit() -> None:
    stack = [L.Dense(5, activation="relu"), L.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((4,)), *stack])
    patterns, x = random_patterns(model), RNG.standard_normal((3, 4))
    # The kernels of -z are those of z negated, and so are their patterns and their logit; the
    # product of kernel and pattern is the same for both.
    for name, sign in (("pattern_net", 1), ("pattern_attribution", -1)):
        explainer = tff.explain(name, model, patterns=patterns)
        np.testing.assert_allclose(explainer(x, 0), sign * explainer(x, 1), atol=1e-12)


def test_bad_input_is_told() -> None:
    model = conv_net()
    with pytest.raises(InputError, match="PatternNet needs patterns; give patterns=estimate_pat"):
        tff.explain("pattern_net", model)
    with pytest.raises(InputError, match="Unknown head 'logitz'; did you mean logit"):
        tff.explain("pattern_net", model, patterns=Patterns({}, "", 0), head="logitz")
    with pytest.raises(InputError, match="The patterns have none for layer"):
        tff.explain("pattern_net", model, patterns=Patterns({}, "", 0))(X)
    x = keras.Input((4,))
    h = L.LayerNormalization(name="norm")(x)
    odd = keras.Model(x, L.Dense(2)(h))
    with pytest.raises(UnsupportedLayerError, match="PatternNet has no rule for layer 'norm'"):
        tff.explain("pattern_net", odd, patterns=random_patterns(odd))(np.ones((1, 4)))
