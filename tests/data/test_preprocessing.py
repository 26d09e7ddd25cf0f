from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing
from tf_fragile.errors import InputError

ANY_CHANNELS = ("raw", "unit", "centered", "tf", "efficientnet_lite", "mobilenet")


def every_pixel_value(channels: int) -> np.ndarray:
    values = np.arange(256, dtype=np.uint8)
    return np.stack([np.roll(values, 31 * c) for c in range(channels)], axis=-1)[None]


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_inverse_undoes_forward(name: str) -> None:
    pixels = every_pixel_value(3)
    preprocessing = PREPROCESSINGS[name]
    x = preprocessing.forward(pixels)
    back = preprocessing.inverse(x)
    assert x.dtype == back.dtype == np.float32
    np.testing.assert_allclose(back, pixels, atol=1e-4)
    np.testing.assert_array_equal(np.rint(back), pixels)


@pytest.mark.parametrize("name", ANY_CHANNELS)
def test_grey_images_pass_both_ways(name: str) -> None:
    pixels = every_pixel_value(1)
    preprocessing = PREPROCESSINGS[name]
    np.testing.assert_allclose(
        preprocessing.inverse(preprocessing.forward(pixels)), pixels, atol=1e-4
    )


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_range_is_exactly_what_black_and_white_become(name: str) -> None:
    preprocessing = PREPROCESSINGS[name]
    found = preprocessing.range
    for bound, value in ((found.low, 0), (found.high, 255)):
        x = preprocessing.forward(np.full((2, 2, 3), value, np.uint8))
        np.testing.assert_array_equal(np.broadcast_to(bound, x.shape), x)


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_one_unit_is_one_grey_level(name: str) -> None:
    preprocessing = PREPROCESSINGS[name]
    x = preprocessing.forward(np.full((1, 3), 100, np.uint8))
    y = preprocessing.forward(np.full((1, 3), 101, np.uint8))
    np.testing.assert_allclose(y - x, np.broadcast_to(preprocessing.range.unit, x.shape), rtol=1e-4)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_named_modes_agree_with_keras(mode: str) -> None:
    pixels = every_pixel_value(3).astype(np.float32)
    theirs = keras.applications.imagenet_utils.preprocess_input(
        pixels[None].copy(), data_format="channels_last", mode=mode
    )
    np.testing.assert_allclose(PREPROCESSINGS[mode].forward(pixels[None]), theirs, atol=1e-4)


def test_bgr_puts_blue_first() -> None:
    red = np.array([[255, 0, 0]], np.uint8)
    np.testing.assert_array_equal(
        PREPROCESSINGS["squeezenet_v1.0"].forward(red), [[-104, -117, 255 - 123]]
    )


def test_wrong_number_of_channels_is_refused() -> None:
    with pytest.raises(InputError, match=r"'caffe' is for 3 channels.*has 1"):
        PREPROCESSINGS["caffe"].forward(np.zeros((4, 4, 1)))


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean centered"):
        PREPROCESSINGS["centred"]


@pytest.mark.parametrize(
    "settings", [{"order": "gbr"}, {"scale": (0.0,)}, {"mean": (float("nan"),)}]
)
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(InputError):
        Preprocessing("mine", **settings)
