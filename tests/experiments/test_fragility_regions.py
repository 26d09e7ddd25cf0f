from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.images.regions import box, from_picture, superpixel


def two_skies() -> np.ndarray:
    """Ground below, and above it a large blue sky at the left and a small grey one at the right."""
    image = np.full((60, 60, 3), (90, 60, 30), np.float32)
    image[:18, :40] = (40, 90, 220)
    image[:18, 40:] = (200, 200, 200)
    return image


def flat(*shape: int) -> np.ndarray:
    return np.full(shape, 1 / np.prod(shape[-2:]))


def test_a_box_is_counted_from_the_top_left_without_its_end() -> None:
    mask = box((1, 0, 3, 2), (4, 5))
    assert mask.sum() == 4 and mask[:2, 1:3].all()


@pytest.mark.parametrize("corners", [(0, 0, 6, 4), (3, 0, 3, 2), (-1, 0, 2, 2), (0, 0, 2)])
def test_a_box_outside_the_image_is_refused(corners: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="is no box in an image of 5 x 4"):
        box(corners, (4, 5))


def test_a_picture_marks_the_region_with_its_bright_pixels(tmp_path: Path) -> None:
    grey = np.zeros((4, 5), np.uint8)
    grey[1, 2:4] = 255
    Image.fromarray(grey).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(from_picture(str(tmp_path / "mask.png"), (4, 5)), grey > 0)


def test_a_picture_of_another_size_or_none_is_refused(tmp_path: Path) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "small.png")
    with pytest.raises(InputError, match="3 x 3 pixels"):
        from_picture(str(tmp_path / "small.png"), (4, 5))
    with pytest.raises(InputError, match="can't be read"):
        from_picture(str(tmp_path / "missing.png"), (4, 5))


def test_the_superpixel_lies_high_up_and_on_what_the_maps_pass_over() -> None:
    maps = flat(1, 60, 60).copy()
    maps[:, :18, :40] *= 10  # the map cares about the left sky
    maps /= maps.sum()
    mask = superpixel(two_skies(), maps)
    rows, columns = np.argwhere(mask).mean(axis=0)
    assert rows < 20 and columns > 35
    assert maps[0, mask].sum() / mask.mean() < 1


def test_where_every_method_cares_the_least_important_superpixel_is_taken() -> None:
    maps = flat(2, 60, 60).copy()
    maps[:, 20:] = 0
    maps[:, :18, 40:] *= 0.7
    maps /= maps.sum(axis=(1, 2), keepdims=True)
    mask = superpixel(two_skies(), maps)
    assert np.argwhere(mask)[:, 1].mean() > 35
