from __future__ import annotations

import numpy as np

from tf_fragile.experiments.augmentation import mirrored, shifted


def images(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).random((count, 10, 10, 3), np.float32)


def test_half_of_the_images_are_mirrored_and_the_rest_untouched() -> None:
    x = images()
    y = mirrored(x, np.random.default_rng(1))
    same = np.array([np.array_equal(a, b) for a, b in zip(x, y, strict=True)])
    turned = np.array([np.array_equal(a[:, ::-1], b) for a, b in zip(x, y, strict=True)])
    assert np.all(same ^ turned) and 10 < turned.sum() < 30


def test_shifts_stay_within_the_fraction_and_repeat_the_edge() -> None:
    ramp = np.broadcast_to(np.arange(10, dtype=np.float32)[:, None, None], (200, 10, 10, 1))
    y = shifted(ramp, 0.2, np.random.default_rng(1))
    offsets = y[:, 5, 0, 0] - 5
    assert set(offsets.tolist()) == {-2, -1, 0, 1, 2}
    for image, offset in zip(y, offsets, strict=True):
        expected = np.clip(np.arange(10) + offset, 0, 9)
        np.testing.assert_array_equal(image[:, :, 0], np.repeat(expected[:, None], 10, axis=1))


def test_rows_and_columns_shift_independently() -> None:
    x = images()
    y = shifted(x, 0.1, np.random.default_rng(1))
    assert y.shape == x.shape
    moved = [(not np.array_equal(a, b)) for a, b in zip(x, y, strict=True)]
    assert 0 < sum(moved) < len(moved)


def test_the_same_seed_gives_the_same_augmentation() -> None:
    x = images()
    np.testing.assert_array_equal(
        shifted(x, 0.3, np.random.default_rng(7)), shifted(x, 0.3, np.random.default_rng(7))
    )
