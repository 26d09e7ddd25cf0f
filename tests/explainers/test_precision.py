"""Models of every precision, with images of every precision: maps, gaps and attacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff

L = keras.layers
POLICIES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64", "float32")
# Of the largest entry: what is left of a product of a few roundings.
ROUNDING = {"float32": 1e-5, "float64": 1e-5}


@contextmanager
def policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def net(name: str) -> keras.Model:
    keras.utils.set_random_seed(1)
    with policy(name):
        i = keras.Input((8, 8, 3))
        h = L.Conv2D(6, 3, activation="relu")(i)
        h = L.MaxPooling2D(2)(L.ReLU()(L.BatchNormalization()(h)))
        h = L.SeparableConv2D(5, 2, activation="relu")(h)
        h = L.Dense(4, activation="relu")(L.GlobalAveragePooling2D()(h))
        return keras.Model(i, L.Dense(3, activation="softmax", dtype=None)(h))


def pictures(dtype: str) -> np.ndarray:
    return np.random.default_rng(0).random((2, 8, 8, 3)).astype(dtype)


def logits_of(model: keras.Model) -> keras.Model:
    """The same up to the logits, by Keras alone."""
    last = model.layers[-1]
    with policy(last.dtype_policy.name):
        top = L.Dense(3, dtype=last.dtype_policy)
        twin = keras.Model(model.input, top(model.layers[-2].output))
    top.set_weights(last.get_weights())
    return twin


@pytest.mark.parametrize("images", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", POLICIES)
def test_the_gradient_is_that_of_keras_and_has_the_type_of_the_images(
    name: str, images: str
) -> None:
    model, x = net(name), pictures(images)
    v = tf.constant(x, "float32")
    with tf.GradientTape() as tape:
        tape.watch(v)
        y = logits_of(model)(v, training=False)[:, 1]
    expected = tape.gradient(y, v).numpy()
    found = tff.explain("gradient", model)(x, 1)
    assert found.dtype == x.dtype
    largest = ROUNDING.get(name, 0.1) if images != "float16" else 0.1
    np.testing.assert_allclose(found, expected, atol=largest * abs(expected).max())


METHODS = (
    *("lrp_epsilon", "lrp_zplus", "lrp_gamma", "deeplift_rescale", "integrated_gradients"),
    *("guided_backprop", "grad_cam", "smoothgrad"),
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [p for p in POLICIES if p != "float32"])
def test_maps_of_every_method_are_near_those_in_float32(name: str, method: str) -> None:
    x, single = pictures("float32"), net("float32")
    model = net(name)
    model.set_weights([w.astype("float32") for w in single.get_weights()])
    settings = {"steps": 8} if method == "integrated_gradients" else {}
    settings = {"relu": False} if method == "grad_cam" else settings
    explainer = tff.explain(method, model, **settings)
    maps = explainer(x, 1)
    expected = tff.explain(method, single, **settings)(x, 1)
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()
    close = 1e-4 if name == "float64" else 0.2
    length = np.linalg.norm(expected)
    assert np.linalg.norm(maps - expected) <= close * length
    if explainer.gap(x, 1) is not None:
        assert np.isfinite(explainer.gap(x, 1, maps)).all()


@pytest.mark.parametrize("method", ["deeplift_rescale", "deeplift_reveal_cancel"])
def test_contributions_keep_their_sum_in_half_precision(method: str) -> None:
    model, x = net("mixed_float16"), pictures("float32")
    explainer = tff.explain(method, model)
    size = np.abs(explainer(x, 1)).sum((1, 2, 3))
    assert (np.abs(explainer.gap(x, 1)) <= 0.02 * size).all()


@pytest.mark.parametrize("name", POLICIES)
def test_attacks_run_in_every_precision_and_keep_the_label(name: str) -> None:
    model, x = net(name), pictures("float32")
    attack = tff.attack("top_k", k=6, optimizer="annealed_momentum", steps=2, gate="off")
    result = attack(tff.explain("gradient", model), x, epsilon=0.05, bounds=(0, 1))
    before, after = (model.predict(v, verbose=0).argmax(-1) for v in (x, result.perturbed[0]))
    np.testing.assert_array_equal(after[result.success[0]], before[result.success[0]])
    assert (np.abs(result.perturbed[0] - x) <= 0.05 + 1e-6).all()


def test_the_gate_says_in_which_precision_it_checked() -> None:
    from tf_fragile.derivatives import check_derivatives

    report = check_derivatives(net("mixed_float16"), pictures("float32"))
    assert report.ok
    assert report.precision in report.text
