from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tf_fragile.report.pictures import difference, difference_factor, heat_map, photo


def decode(uri: str) -> tuple[np.ndarray, str]:
    head, content = uri.split(",")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert head == f"data:image/{str(image.format).lower()};base64"
    kind = str(image.format)
    return np.asarray(image.convert("RGB")), kind


def test_a_small_picture_is_kept_exactly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(32, 48, 3)).astype(np.uint8)
    shown, kind = decode(photo(pixels))
    assert kind == "PNG"
    np.testing.assert_array_equal(shown, pixels)


def test_a_float_picture_is_rounded_and_clipped_not_wrapped() -> None:
    pixels = np.array([[[-3.0], [0.6], [254.5], [300.0]]], np.float32)
    shown, _ = decode(photo(pixels))
    np.testing.assert_array_equal(shown[0, :, 0], [0, 1, 254, 255])


def test_a_large_picture_is_a_jpeg_of_at_most_256_pixels() -> None:
    shown, kind = decode(photo(np.full((600, 300, 3), 90.0)))
    assert kind == "JPEG"
    assert shown.shape == (256, 128, 3)
    np.testing.assert_allclose(shown, 90, atol=1)


@pytest.mark.parametrize(("epsilon", "grey_level"), [(8.0, 1.0), (8 / 255, 1 / 255)])
def test_a_difference_of_epsilon_spans_black_to_white_around_grey(
    epsilon: float, grey_level: float
) -> None:
    original = np.full((1, 3, 1), 100.0)
    perturbed = original + np.array([[[-8.0], [0.0], [8.0]]])
    shown, _ = decode(difference(original, perturbed, difference_factor(epsilon, grey_level)))
    np.testing.assert_array_equal(shown[0, :, 0], [0, 128, 255])


def test_a_large_difference_is_thinned_out_and_not_averaged_to_grey() -> None:
    noise = np.random.default_rng(0).choice([-4.0, 4.0], size=(512, 512, 1))
    shown, _ = decode(difference(np.full(noise.shape, 50.0), 50.0 + noise, 127.5 / 4))
    assert shown.astype(float).std() > 100


def test_a_map_runs_from_zero_to_its_99th_percentile() -> None:
    values = np.arange(101.0).reshape(1, 101)
    shown, _ = decode(heat_map(values))
    luminance = shown.sum(axis=-1)[0].astype(int)
    assert luminance[0] < 10
    assert luminance[98] > 600
    assert luminance[99] == luminance[100]
    assert np.all(np.diff(luminance[:60]) >= 0)
    np.testing.assert_array_equal(decode(heat_map(7 * values))[0], shown)


def test_a_map_with_one_pixel_shows_it_and_an_empty_map_is_black() -> None:
    values = np.zeros((20, 20))
    assert decode(heat_map(values))[0].max() < 10
    values[4, 5] = 1e-12
    shown, _ = decode(heat_map(values))
    assert np.argmax(shown.sum(axis=-1)) == 4 * 20 + 5


def test_what_is_not_finite_does_not_spoil_a_map() -> None:
    values = np.ones((4, 4))
    values[0, 0], values[1, 1] = np.nan, np.inf
    shown, _ = decode(heat_map(values))
    assert shown[0, 0].max() < 10
    assert shown[3, 3].sum() > 600
