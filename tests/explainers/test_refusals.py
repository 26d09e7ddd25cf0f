"""What is linear or does nothing at inference is answered; where it is not, the remedy works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.errors import ExplanationWarning, InputError, UnsupportedLayerError

L, ops = keras.layers, keras.ops
RNG = np.random.default_rng(0)
A = RNG.random((6, 6)).astype("float32")


class Doubled(L.Layer):
    """A linear layer of a user's, with a weight of its own."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x: Any) -> Any:
        return 2.0 * x * self.w


class Wrapped(L.Dense):
    """Nothing but a name."""


SERIES = (6, 4)
IMAGE = (9, 9, 2)
LINEAR: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "constant matmul": (SERIES, lambda i: ops.matmul(A, i)),
    "matmul by a constant": (SERIES, lambda i: ops.matmul(i, A[:4])),
    "constant einsum": (SERIES, lambda i: ops.einsum("ij,bjc->bic", A, i)),
    "cast": (SERIES, lambda i: ops.cast(i, "float32")),
    "CenterCrop": (IMAGE, lambda i: L.CenterCrop(5, 5)(i)),
    "RandomFlip": (IMAGE, lambda i: L.RandomFlip()(i)),
    "RandomRotation": (IMAGE, lambda i: L.RandomRotation(0.2)(i)),
    "RandomContrast": (IMAGE, lambda i: L.RandomContrast(0.2)(i)),
    "SpectralNormalization": (SERIES, lambda i: L.SpectralNormalization(L.Dense(5))(i)),
    "spectral convolution": (IMAGE, lambda i: L.SpectralNormalization(L.Conv2D(3, 3))(i)),
    "TimeDistributed Dense": (SERIES, lambda i: L.TimeDistributed(L.Dense(5))(i)),
    "TimeDistributed conv": ((3, *IMAGE), lambda i: L.TimeDistributed(L.Conv2D(3, 3))(i)),
    "EinsumDense": (SERIES, lambda i: L.EinsumDense("btf,fu->btu", (6, 5), bias_axes="u")(i)),
    "subclass of Dense": (SERIES, lambda i: Wrapped(5)(i)),
    "identity Lambda": (SERIES, lambda i: L.Lambda(lambda x: x)(i)),
    "reversing Lambda": (SERIES, lambda i: L.Lambda(lambda x: x[:, ::-1])(i)),
    "own linear layer": (SERIES, lambda i: Doubled()(i)),
    "masked pooling": (
        SERIES,
        lambda i: L.GlobalAveragePooling1D()(L.Dense(5)(L.Masking()(i))),
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_what_is_linear_at_inference_is_answered_and_kept_in_the_sum(name: str) -> None:
    shape, layer = LINEAR[name]
    i = keras.Input(shape)
    h = L.Dense(4, activation="relu", use_bias=False)(L.Flatten()(layer(i)))
    model = keras.Model(i, L.Dense(3, use_bias=False)(h))
    x = RNG.uniform(0.1, 1, (2, *shape)).astype("float32")
    logit = np.asarray(model(x, training=False))[:, 1]
    maps = tff.explain("lrp_epsilon", model)(x, 1)
    assert maps.shape == x.shape
    np.testing.assert_allclose(maps.reshape(2, -1).sum(1), logit, rtol=2e-3, atol=1e-4)
    if name != "masked pooling":
        moved = logit - np.asarray(model(0 * x, training=False))[:, 1]
        parts = tff.explain("deeplift_rescale", model)(x, 1).reshape(2, -1).sum(1)
        np.testing.assert_allclose(parts, moved, rtol=2e-3, atol=1e-4)
    v = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(v)
        y = model(v, training=False)[:, 1]
    gradient = tff.explain("gradient", model)(x, 1)
    np.testing.assert_allclose(gradient, tape.gradient(y, v), atol=1e-5)


UNKNOWN: dict[str, Callable[[Any], Any]] = {
    "LayerNormalization": lambda i: L.LayerNormalization(name="odd")(i),
    "LSTM": lambda i: L.LSTM(5, name="odd")(i),
    "MultiHeadAttention": lambda i: L.MultiHeadAttention(2, 2, name="odd")(i, i),
    "own function of all": lambda i: L.Lambda(
        lambda x: x / (1 + tf.norm(x, axis=(1, 2), keepdims=True)), name="odd"
    )(i),
    "gelu": lambda i: L.Dense(4, activation="gelu", name="odd")(i),
    "Dot": lambda i: L.Dot(2, name="odd")([i, i]),
}


@pytest.mark.parametrize(
    "method", ["lrp_epsilon", "lrp_zplus", "deeplift_rescale", "guided_backprop", "deep_taylor"]
)
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_refusal_names_the_layer_and_its_remedy_works(name: str, method: str) -> None:
    i = keras.Input(SERIES)
    model = keras.Model(i, L.Dense(3)(L.Flatten()(UNKNOWN[name](i))))
    x = RNG.uniform(0.1, 1, (2, *SERIES)).astype("float32")
    try:
        tff.explain(method, model)(x, 1)
    except UnsupportedLayerError as error:
        sentence = str(error)
        assert "layer 'odd'" in sentence
        assert "integrated_gradients" in sentence
        assert tff.explain("integrated_gradients", model, steps=4)(x, 1).shape == x.shape
    else:
        assert name == "gelu"  # which LRP and DeepLIFT know


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "lrp_epsilon"])
def test_token_ids_are_refused_with_the_embedding_named_and_the_model_behind_it_works(
    method: str,
) -> None:
    i = keras.Input((6,), dtype="int32")
    h = L.Embedding(9, 4, name="words")(i)
    model = keras.Model(i, L.Dense(3)(L.Flatten()(h)))
    ids = np.array([[1, 2, 3, 4, 0, 0]])
    with pytest.raises(InputError, match=r"'words'.*keras\.Model\(model\.get_layer\('words'\)"):
        tff.explain(method, model)(ids)
    behind = keras.Model(model.get_layer("words").output, model.output)
    vectors = np.asarray(keras.Model(model.input, model.get_layer("words").output)(ids))
    assert tff.explain(method, behind)(vectors, 1).shape == vectors.shape


def test_deeplift_says_that_a_mask_depends_on_the_input_and_its_remedy_works() -> None:
    i = keras.Input(SERIES)
    h = L.GlobalAveragePooling1D()(L.Dense(5, activation="relu")(L.Masking(name="gaps")(i)))
    model = keras.Model(i, L.Dense(3)(h))
    x = RNG.uniform(0.1, 1, (2, *SERIES)).astype("float32")
    with pytest.raises(UnsupportedLayerError, match=r"'gaps' .*on the input.*gradient_x_in"):
        tff.explain("deeplift_rescale", model)(x, 1)
    assert tff.explain("gradient_x_input", model)(x, 1).shape == x.shape
    with pytest.raises(InputError, match=r"NaN or infinity at the baseline.*another baseline"):
        tff.explain("integrated_gradients", model).gap(x, 1)
    other = tff.explain("integrated_gradients", model, baseline=0.01)
    assert np.abs(other.gap(x, 1)).max() < 0.05


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_a_fixed_batch_is_met_by_chunks_of_it(batch: int) -> None:
    def build(size: int | None) -> keras.Model:
        keras.utils.set_random_seed(4)
        i = keras.Input(batch_shape=(size, 6, 4))
        h = L.Reshape((24,))(i)
        return keras.Model(i, L.Dense(3)(L.Dense(5, activation="relu")(h)))

    x = RNG.normal(size=(batch, 6, 4)).astype("float32")
    fixed, free = build(2), build(None)
    for method in ("gradient", "lrp_epsilon", "deeplift_rescale", "integrated_gradients"):
        a, b = (tff.explain(method, model) for model in (fixed, free))
        np.testing.assert_allclose(a(x), b(x), atol=1e-6)
        if a.gap(x) is not None:
            np.testing.assert_allclose(a.gap(x), b.gap(x), atol=1e-5)
    attack = tff.attack("top_k", k=4, steps=2, gate="off")
    result = attack(tff.explain("gradient", fixed), x, epsilon=0.1, bounds=(-9, 9))
    assert result.perturbed.shape == (1, *x.shape)


def preactivation() -> tuple[keras.Model, np.ndarray]:
    keras.utils.set_random_seed(1)
    i = keras.Input((16, 16, 3))
    y = L.Conv2D(8, 3, padding="same")(i)
    for _ in range(5):
        z = L.ReLU()(L.BatchNormalization()(y))
        z = L.Conv2D(8, 3, padding="same", use_bias=False)(z)
        y = L.Add()([y, L.Conv2D(8, 3, padding="same", use_bias=False)(L.ReLU()(z))])
    y = L.GlobalAveragePooling2D()(L.ReLU()(L.BatchNormalization()(y)))
    model = keras.Model(i, L.Dense(5, use_bias=False)(y))
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(3, 16, 16, 3)).astype("float32")
    norms = [n for n in model.layers if isinstance(n, L.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
    model(x, training=True)
    for norm in norms:
        norm.beta.assign(rng.normal(0, 0.2, norm.beta.shape))
    return model, x


def test_by_default_no_entry_is_far_beyond_the_logit_behind_batch_norms_with_offsets() -> None:
    model, x = preactivation()
    logit = np.abs(np.asarray(model(x))[:, 0])
    for method in ("lrp_epsilon", "lrp_gamma", "lrp_alpha_beta", "lrp_zplus"):
        entries = np.abs(tff.explain(method, model)(x, 0)).reshape(3, -1).max(1)
        assert (entries < 100 * logit).all(), method


def test_a_map_far_beyond_the_logit_comes_with_a_warning_and_a_note() -> None:
    model, x = preactivation()
    explainer = tff.explain("lrp_epsilon", model, batch_norm="pass")
    with pytest.warns(ExplanationWarning, match="has entries up to .* for a logit of .*: shares"):
        explainer(x, 0)
    attack = tff.attack("top_k", k=9, steps=1, gate="off")
    result = attack(explainer, x, 0, epsilon=0.05, bounds=(0, 1))
    assert any("has entries up to" in note for note in result.notes)
    assert all("has entries up to" in doubt for doubt in result.doubts)


ZERO: dict[str, Callable[[], tuple[tff.explainers.Explainer, np.ndarray]]] = {
    "rectgrad of few units": lambda: _few_units("rectgrad"),
    "integrated gradients at the baseline": lambda: _at_baseline(),
}


def _few_units(method: str) -> tuple[tff.explainers.Explainer, np.ndarray]:
    i = keras.Input((6,))
    model = keras.Model(i, L.Dense(3)(L.Dense(8, activation="relu")(i)))
    return tff.explain(method, model), RNG.random((2, 6)).astype("float32")


def _at_baseline() -> tuple[tff.explainers.Explainer, np.ndarray]:
    explainer, x = _few_units("integrated_gradients")
    return explainer, 0 * x


@pytest.mark.parametrize("name", ZERO)
def test_a_map_that_is_zero_everywhere_is_said_to_be(name: str) -> None:
    explainer, x = ZERO[name]()
    with pytest.warns(ExplanationWarning, match=r"is zero everywhere and says nothing about"):
        explainer(x, 1)


@pytest.mark.parametrize(
    "stopped",
    [
        lambda i: ops.stop_gradient(i) + i,
        lambda i: L.Lambda(lambda x: tf.stop_gradient(x[:, ::-1]))(i) + i,
    ],
)
def test_a_stopped_gradient_is_not_taken_for_a_linear_layer(stopped: Callable[[Any], Any]) -> None:
    i = keras.Input(SERIES)
    model = keras.Model(i, L.Dense(3)(L.Flatten()(stopped(i))))
    x = RNG.uniform(0.1, 1, (2, *SERIES)).astype("float32")
    with pytest.raises(UnsupportedLayerError):
        tff.explain("deeplift_rescale", model)(x, 1)


def test_a_float64_model_with_a_float32_head_has_gaps_too() -> None:
    i = keras.Input((5,))
    h = L.Dense(3, dtype="float64")(L.Dense(4, activation="relu", dtype="float64")(i))
    model = keras.Model(i, L.Activation("softmax", dtype="float32")(h))
    x = RNG.random((2, 5)).astype("float32")
    for method in ("lrp_epsilon", "deeplift_rescale", "integrated_gradients"):
        assert np.isfinite(tff.explain(method, model).gap(x, 1)).all()
