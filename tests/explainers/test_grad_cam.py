"""Grad-CAM against its formula, an independent resizing, and class activation maps."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.errors import InputError
from tf_fragile.explainers.grad_cam import upsampled

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 12, 10, 3))


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_dtype_policy(before[0])
    keras.config.set_floatx(before[1])


def cam_net() -> keras.Model:
    stack = [
        L.Conv2D(4, 3, activation="relu", name="early"),
        L.MaxPooling2D(2, name="pool"),
        L.Conv2D(5, 2, activation="tanh", name="late"),
        L.GlobalAveragePooling2D(name="mean"),
        L.Dense(3, activation="softmax", name="top"),
    ]
    return keras.Sequential([keras.Input((12, 10, 3)), *stack], name="cams")


def features(model: keras.Model, layer: str) -> np.ndarray:
    value = X
    for each in model.layers:
        value = each(value)
        if each.name == layer:
            return np.asarray(value)
    raise AssertionError


def test_before_a_global_mean_it_is_the_class_activation_map() -> None:
    # With a mean and a dense layer on top, the mean gradient of a channel is its weight over H W.
    model = cam_net()
    a = features(model, "late")
    kernel = model.layers[-1].kernel.numpy()[:, 1]
    places = (a * kernel).sum(axis=-1) / (a.shape[1] * a.shape[2])
    maps = tff.explain("grad_cam", model, relu=False)(X, target=1)
    expected = np.asarray(upsampled(tf.constant(places), 12, 10))
    for channel in range(3):
        np.testing.assert_allclose(maps[..., channel], expected, atol=1e-12)
    clipped = np.asarray(upsampled(tf.constant(np.maximum(places, 0)), 12, 10))
    assert 0 < (clipped > 0).mean() < 1
    maps = tff.explain("grad_cam", model)(X, target=1)
    np.testing.assert_allclose(maps[..., 0], clipped, atol=1e-12)


def test_an_earlier_layer_is_weighted_by_its_mean_gradient() -> None:
    model = cam_net()
    a = tf.constant(features(model, "early"))
    with tf.GradientTape() as tape:
        tape.watch(a)
        h = a
        for layer in model.layers[1:-1]:
            h = layer(h)
        logit = (h @ model.layers[-1].kernel + model.layers[-1].bias)[:, 2]
    weights = tape.gradient(logit, a).numpy().mean(axis=(1, 2), keepdims=True)
    places = np.maximum((a.numpy() * weights).sum(axis=-1), 0)
    maps = tff.explain("grad_cam", model, layer="early")(X, target=2)
    expected = np.asarray(upsampled(tf.constant(places), 12, 10))
    np.testing.assert_allclose(maps[..., 1], expected, atol=1e-12)


@pytest.mark.parametrize("size", [(12, 10), (7, 13), (4, 5), (3, 2)])
def test_upsampling_is_bilinear_with_half_pixel_centres(size: tuple[int, int]) -> None:
    places = RNG.standard_normal((2, 4, 5))
    found = np.asarray(upsampled(tf.constant(places), *size))
    rows, columns = (
        (np.arange(n) + 0.5) * old / n - 0.5 for n, old in zip(size, (4, 5), strict=True)
    )
    grid = np.meshgrid(rows, columns, indexing="ij")
    for one, image in zip(found, places, strict=True):
        expected = scipy.ndimage.map_coordinates(image, grid, order=1, mode="nearest")
        np.testing.assert_allclose(one, expected, atol=1e-12)


def test_normalised_maps_peak_at_one_and_empty_ones_stay_empty() -> None:
    model = cam_net()
    maps = tff.explain("grad_cam", model, normalise=True, layer="late")(X, target=1)
    raw = tff.explain("grad_cam", model, layer="late")(X, target=1)
    for normal, plain in zip(maps, raw, strict=True):
        np.testing.assert_allclose(normal * plain.max(), plain * normal.max(), atol=1e-12)
    assert 0.5 < maps.max() <= 1
    model.layers[2].bias.assign(100 * np.ones(5))  # tanh is flat and one there
    model.layers[-1].kernel.assign(-np.ones((5, 3)))
    empty = tff.explain("grad_cam", model, normalise=True)(X, target=1)
    np.testing.assert_array_equal(empty, np.zeros_like(X))


def test_paths_around_the_layer_do_not_count() -> None:
    x = keras.Input((6, 6, 2))
    through = L.Conv2D(2, 3, padding="same", name="through")(x)
    both = L.Flatten()(L.Add(name="join")([x, through]))
    top = L.Dense(2)
    model = keras.Model(x, top(both))
    images = RNG.standard_normal((2, 6, 6, 2))
    weights = top.kernel.numpy()[:, 0].reshape(6, 6, 2).mean(axis=(0, 1))
    a = np.asarray(model.get_layer("through")(images))
    maps = tff.explain("grad_cam", model, layer="through", relu=False)(images, target=0)
    np.testing.assert_allclose(maps[..., 0], (a * weights).sum(axis=-1), atol=1e-12)


def test_guided_grad_cam_is_the_product_of_its_two_maps() -> None:
    stack = [L.Conv2D(4, 3, activation="relu"), L.Conv2D(3, 3, activation="relu", name="late")]
    model = keras.Sequential([keras.Input((12, 10, 3)), *stack, L.Flatten(), L.Dense(3)])
    product = tff.explain("guided_grad_cam", model, layer="late")(X, target=1)
    cam = tff.explain("grad_cam", model, layer="late")(X, target=1)
    guided = tff.explain("guided_backprop", model, head="one")(X, target=1)
    np.testing.assert_allclose(product, cam * guided, atol=1e-12)
    assert np.abs(product).max() > 0


def test_an_input_of_unknown_size() -> None:
    stack = [L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(3)]
    model = keras.Sequential([keras.Input((None, None, 3)), *stack])
    explainer = tff.explain("grad_cam", model)
    for size in (9, 12, 7):
        x = RNG.standard_normal((2, size, size, 3))
        assert explainer(x, target=1).shape == x.shape


def test_bad_input_is_told() -> None:
    with pytest.raises(InputError, match="layer of model 'cams' 'lat'; did you mean late"):
        tff.explain("grad_cam", cam_net(), layer="lat")(X)
    with pytest.raises(
        InputError,
        match=r"Layer 'mean' of model 'cams' has an output of shape \(.*needs one with places",
    ):
        tff.explain("grad_cam", cam_net(), layer="mean")(X)
    flat = keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), L.Dense(2)], name="flat")
    with pytest.raises(InputError, match="No layer of model 'flat' has places that are known"):
        tff.explain("grad_cam", flat)(np.zeros((1, 4, 4, 1)))
    row = keras.Sequential([keras.Input((4,)), L.Dense(2)], name="row")
    with pytest.raises(InputError, match=r"one image \[B, H, W, C\], and model 'row' takes inputs"):
        tff.explain("grad_cam", row)(np.zeros((1, 4)))
