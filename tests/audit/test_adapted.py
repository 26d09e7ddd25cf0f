"""Models of other inputs than pictures [H, W, C] of one size."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from tf_fragile.audit.adapted import adapted
from tf_fragile.audit.given import image_size
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import explain

L = keras.layers


def model(shape, *layers, **more) -> keras.Model:
    x = h = keras.Input(shape, **more)
    for layer in layers:
        h = layer(h)
    return keras.Model(x, h, name="net")


def pooled(**conv) -> tuple:
    return L.Conv2D(4, 3, activation="relu", **conv), L.GlobalAveragePooling2D(), L.Dense(3)


def first(*, side: int = 8) -> keras.Model:
    """Channels first, with windows that compute on every device."""
    return model((3, side, side), L.Permute((2, 3, 1)), *pooled())


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")


def test_a_model_of_pictures_of_one_size_stays_the_users_own() -> None:
    own = model((8, 6, 3), *pooled())
    for size in (None, (8, 6)):
        found = adapted(own, size)
        assert found.model is own
        assert (found.image_shape, found.note) == ((8, 6, 3), "")


def test_a_model_without_a_channel_axis_gets_grey_pictures() -> None:
    own = model((6, 5), L.Flatten(), L.Dense(3))
    found = adapted(own)
    assert found.image_shape == (6, 5, 1)
    assert found.note == ("the model takes [6, 5] without a channel axis, and gets grey pictures")
    x = pictures(6, 5, 1)
    np.testing.assert_array_equal(found.model(x), own(x[..., 0]))


@pytest.mark.parametrize(
    "own",
    [
        first,
        lambda: model((3, 8, 8), L.Flatten(), L.Dense(3)),  # nothing but the sizes tells
        lambda: keras.Model(
            x := keras.Input((3, 8, 8)), L.Dense(3)(L.Flatten()(
                L.Conv2D(2, 3)(keras.ops.transpose(x, (0, 2, 3, 1)))))),
        lambda: model((5, 8, 8), L.Permute((2, 3, 1)), *pooled()),  # five bands
    ],
)  # fmt: skip
def test_channels_first_are_turned(own) -> None:
    own = own()
    channels = own.inputs[0].shape[1]
    found = adapted(own)
    assert found.image_shape == (8, 8, channels)
    assert found.note == (
        f"the model takes channels first, [{channels}, 8, 8], and gets pictures so turned"
    )
    x = pictures(8, 8, channels)
    np.testing.assert_array_equal(found.model(x), own(np.moveaxis(x, -1, 1)))


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((3, 8, 8), (L.Conv2D(2, 2), L.Flatten(), L.Dense(3))),  # three high, eight channels
        ((8, 8, 8), (L.Conv2D(2, 2), L.Flatten(), L.Dense(3))),
        ((3, 8, 3), (L.Flatten(), L.Dense(3))),
        ((9, 8, 2), (L.Flatten(), L.Dense(3))),
    ],
)
def test_what_does_not_say_channels_first_is_not_turned(shape, layers) -> None:
    own = model(shape, *layers)
    found = adapted(own)
    assert found.model is own
    assert found.image_shape == shape


def test_the_windows_of_keras_say_channels_first_too() -> None:
    own = model((5, 8, 8), L.ZeroPadding2D(1, "channels_first"), L.Flatten(), L.Dense(3))
    assert adapted(own).image_shape == (8, 8, 5)


def test_a_model_of_any_size_is_given_one() -> None:
    own = model((None, None, 3), *pooled())
    with pytest.raises(InputError) as caught:
        adapted(own)
    assert str(caught.value) == (
        "The model 'net' takes images of any size; say which with --image_size=HxW, as in "
        "--image_size=224x224."
    )
    found = adapted(own, (7, 9))
    assert found.image_shape == (7, 9, 3)
    assert found.model.input_shape == (None, 7, 9, 3)
    assert found.note == "the model takes images of any size, and gets 7 x 9"
    x = pictures(7, 9, 3)
    np.testing.assert_array_equal(found.model(x), own(x))


def test_two_at_once_are_said_at_once() -> None:
    own = model((3, None, None), L.Permute((2, 3, 1)), *pooled())
    found = adapted(own, (7, 9))
    assert found.image_shape == (7, 9, 3)
    assert found.note == (
        "the model takes channels first, [3, any, any], and gets pictures so turned; it takes "
        "images of any size, and gets 7 x 9"
    )
    x = pictures(7, 9, 3)
    np.testing.assert_array_equal(found.model(x), own(np.moveaxis(x, -1, 1)))


@pytest.mark.parametrize("given", [(8, 8), (6, 8)])
def test_a_size_that_the_model_does_not_take_is_refused(given) -> None:
    size = f"{given[0]}x{given[1]}"
    with pytest.raises(InputError) as caught:
        adapted(model((8, 6, 3), *pooled()), given)
    assert str(caught.value) == (
        f"--image_size={size} does not fit the model 'net', which takes images of 8 x 6; leave "
        "it out."
    )


def test_a_model_of_one_free_side_is_given_a_size_that_fits_as_advised() -> None:
    own = model((None, 6, 3), *pooled())
    for given, told in ((None, "takes images of size any x 6; say"), ((7, 7), "of any x 6; write")):
        with pytest.raises(InputError, match=told) as caught:
            adapted(own, given)
        advised = re.search(r"--image_size=(\d+x\d+)\.$", str(caught.value))
        assert adapted(own, image_size(advised[1])).image_shape == (6, 6, 3)


def test_a_size_at_which_the_model_breaks_is_refused() -> None:
    with pytest.raises(InputError, match=r"'net' can't take images of 2 x 2 .*; choose an"):
        adapted(model((None, None, 3), *pooled()), (2, 2))


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((2, 8, 8, 3), "[2, 8, 8, 3]"),
        ((8, 8, None), "[8, 8, any]"),
        ((None, 3), "[any, 3]"),
    ],
)
def test_a_model_of_nothing_that_an_audit_takes_is_refused(shape, told) -> None:
    turned = (L.Permute((3, 1, 2)), L.GlobalAveragePooling2D(), L.Dense(3))
    series = (L.Conv1D(2, 3), L.GlobalAveragePooling1D(), L.Dense(3))
    layers = {8: turned, 2: (L.Flatten(), L.Dense(3)), None: series}[shape[0]]
    with pytest.raises(InputError) as caught:
        adapted(model(shape, *layers))
    assert str(caught.value) == (
        "An audit needs a model of pictures, signals or rows of one size, but 'net' takes inputs "
        f"of shape {told}; use tff.explain and tff.attack for other models."
    )


def test_rows_and_signals_are_taken_as_they_are_and_two_inputs_as_one_row() -> None:
    rows = model((5,), L.Dense(3))
    series = model((7, 2), L.Conv1D(2, 3), L.GlobalAveragePooling1D(), L.Dense(3))
    for own, shape in ((rows, (5,)), (series, (7, 2))):
        assert adapted(own).model is own and adapted(own).image_shape == shape
    x, y = keras.Input((4, 4, 3), name="x"), keras.Input((4,), name="y")
    two = keras.Model([x, y], L.Concatenate()([L.Flatten()(x), y]))
    taken = adapted(two)
    assert taken.image_shape == (52,) and [part.name for part in taken.parts] == ["x", "y"]
    with pytest.raises(InputError, match=r"takes inputs of shape \[any, 4, 3\], \[4\]; use tff"):
        z = keras.Input((None, 4, 3))
        adapted(keras.Model([z, y], L.Dense(2)(L.Concatenate()([L.GlobalMaxPooling2D()(z), y]))))


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8"])
def test_type_and_batch_size_of_the_input_are_kept(dtype) -> None:
    x = keras.Input(batch_shape=(2, 6, 5), dtype=dtype)
    own = keras.Model(x, L.Dense(3, dtype="float64")(L.Flatten(dtype="float64")(x)))
    found = adapted(own).model
    assert found.input_shape == (2, 6, 5, 1)
    assert found.inputs[0].dtype == dtype
    given = (pictures(6, 5, 1) * 1.2345678901234 + 5).astype(dtype)
    np.testing.assert_array_equal(found(given), own(given[..., 0]))


@pytest.mark.parametrize("name", ["gradient", "lrp_epsilon", "deeplift_rescale", "grad_cam"])
def test_maps_are_those_of_the_users_own_model_turned(name) -> None:
    own = first()
    x = pictures(8, 8, 3)
    around = explain(name, adapted(own).model)(x, target=1)
    inside = explain(name, own)(np.moveaxis(x, -1, 1).copy(), target=1)
    np.testing.assert_allclose(around, np.moveaxis(inside, 1, -1), rtol=1e-4, atol=1e-6)
