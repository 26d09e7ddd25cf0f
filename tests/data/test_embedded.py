from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tf_fragile.data.embedded import OBJECTS, SCENES, Composite, Difficulty, composite
from tf_fragile.data.silhouettes import silhouette
from tf_fragile.data.source_embedded import SPLITS, pair_at, split_seed
from tf_fragile.errors import InputError

# Mean colour of the four quarters of one picture.
EXPECTED_BLOCKS = [
    [[122.1, 89.4, 119.2], [120.9, 84.4, 119.1]],
    [[102.9, 112.2, 99.2], [117.7, 93.7, 113.5]],
]


def centre(occupied: np.ndarray) -> float:
    """Middle of the first and last occupied row or column."""
    return float(np.flatnonzero(occupied)[[0, -1]].mean())


@pytest.fixture(scope="module")
def pictures() -> list[Composite]:
    """Three pictures of every pair."""
    return [composite(3, *pair_at(position)) for position in range(300)]


def test_a_picture_is_a_pure_function_of_its_arguments() -> None:
    first, again = composite(1, 2, 3, 4), composite(1, 2, 3, 4)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    for other in ((0, 2, 3, 4), (1, 5, 3, 4), (1, 2, 6, 4), (1, 2, 3, 5)):
        assert np.mean(composite(*other).scene_image != first.scene_image) > 0.5


def test_generator_has_not_drifted_from_the_shipped_weights() -> None:
    blocks = composite(0, 7, 8, 0).image.reshape(2, 32, 2, 32, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(blocks, EXPECTED_BLOCKS, atol=0.5)


def test_scene_and_composite_are_equal_outside_the_mask_and_differ_inside(
    pictures: list[Composite],
) -> None:
    for picture in pictures[::10]:
        changed = np.any(picture.image != picture.scene_image, axis=-1)
        assert not np.any(changed & ~picture.mask)
        assert np.mean(changed[picture.mask]) > 0.99


def test_pixels_are_whole_grey_levels(pictures: list[Composite]) -> None:
    for picture in pictures[::30]:
        assert picture.image.shape == (64, 64, 3) and picture.image.dtype == np.float32
        assert picture.image.min() >= 0 and picture.image.max() <= 255
        np.testing.assert_array_equal(picture.image, np.rint(picture.image))


def test_every_pair_is_equally_frequent() -> None:
    pairs = [pair_at(position)[:2] for position in range(SPLITS["val"])]
    counts = np.zeros((len(OBJECTS), len(SCENES)), int)
    np.add.at(counts, tuple(np.transpose(pairs)), 1)
    assert np.all(counts == SPLITS["val"] // 100)


def test_any_ten_positions_in_a_row_hold_every_object_and_scene() -> None:
    objects, scenes, _ = zip(*map(pair_at, range(40, 50)), strict=True)
    assert len(set(objects)) == len(set(scenes)) == 10


def test_objects_cover_evidence_but_not_the_scene(pictures: list[Composite]) -> None:
    covered = np.mean([picture.mask.mean() for picture in pictures])
    assert 0.12 < covered < 0.18


def test_colour_size_and_place_tell_nothing_about_the_labels(pictures: list[Composite]) -> None:
    facts = {
        "brightness": [p.scene_image.mean() for p in pictures],
        "red against blue": [np.ptp(p.scene_image.mean((0, 1))[[0, 2]]) for p in pictures],
        "row": [centre(p.mask.any(axis=1)) for p in pictures],
        "column": [centre(p.mask.any(axis=0)) for p in pictures],
    }
    for label in ("object", "scene"):
        labels = np.array([getattr(p, label) for p in pictures])
        for name, values in facts.items():
            groups = [np.asarray(values)[labels == k] for k in range(10)]
            # Eight tests on fixed pictures; a dependence would be far beyond chance.
            assert stats.kruskal(*groups).pvalue > 1e-3, (label, name)


def test_scene_evidence_lies_everywhere() -> None:
    quarters = np.zeros((2, 2))
    for scene in range(10):
        image = composite(3, 0, scene, 0, Difficulty(1, 1)).scene_image.mean(-1)
        quarters += image.reshape(2, 32, 2, 32).std(axis=(1, 3))
    assert quarters.min() > 0.8 * quarters.max()


def test_difficulty_mixes_in_another_texture() -> None:
    def vertical_share(difficulty: Difficulty) -> float:
        stripes = SCENES.index("stripes_v")
        images = [composite(3, 0, stripes, i, difficulty).scene_image.mean(-1) for i in range(10)]
        return float(np.mean([i.mean(axis=0).var() / i.var() for i in images]))

    assert vertical_share(Difficulty(1, 1)) > 1.3 * vertical_share(Difficulty(0.52, 0.6))


def test_no_two_splits_share_a_seed() -> None:
    seeds = [split_seed(seed, split) for seed in range(5) for split in SPLITS]
    assert len(set(seeds)) == len(seeds)


def test_labels_are_in_alphabetical_order() -> None:
    assert list(OBJECTS) == sorted(OBJECTS) and list(SCENES) == sorted(SCENES)
    assert len(OBJECTS) == len(SCENES) == 10
    assert {"star"} <= set(OBJECTS) and {"stripes_h", "stripes_v"} <= set(SCENES)


@pytest.mark.parametrize("name", OBJECTS)
def test_turning_an_outline_keeps_its_size(name: str) -> None:
    upright, turned = silhouette(name, 80, 0).sum(), silhouette(name, 80, 0.25).sum()
    assert turned == pytest.approx(upright, rel=0.03)
    assert 0.2 * 80**2 < upright < 0.7 * 80**2


@pytest.mark.parametrize("arguments", [(0, 10, 0, 0), (0, 0, -1, 0), (-1, 0, 0, 0), (0, 0, 0, -1)])
def test_labels_and_numbers_outside_their_range_are_refused(arguments: tuple) -> None:
    with pytest.raises(InputError):
        composite(*arguments)


@pytest.mark.parametrize("weights", [(0.4, 0.8), (0.9, 0.8), (0.6, 1.2)])
def test_impossible_difficulty_is_refused(weights: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="difficulty"):
        Difficulty(*weights)
