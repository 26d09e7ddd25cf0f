from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_fragile.data import PREPROCESSINGS, Reading, Source, choose, open_source
from tf_fragile.data.class_index import imagenet_classes
from tf_fragile.data.classes import Classes
from tf_fragile.errors import InputError

RAW = PREPROCESSINGS["raw"]
SHAPE = (8, 8, 3)


def opened(spec: str, shape: tuple[int, int, int] = SHAPE, name: str = "raw") -> Source:
    return open_source(spec, preprocessing=PREPROCESSINGS[name], image_shape=shape)


def picture(seed: int, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    for i, name in enumerate(["cat/b.png", "cat/a.png", "ant/c.png", "bee/d.png"]):
        write(tmp_path / name, picture(i))
    return tmp_path


def test_class_folders_label_by_sorted_name_in_path_order(class_folder: Path) -> None:
    source = opened(f"folder:{class_folder}")
    batch = source.load(range(len(source)))
    assert source.class_names == ("ant", "bee", "cat")
    assert batch.label.tolist() == [0, 1, 2, 2]
    for image, seed in zip(batch.image, [2, 3, 1, 0], strict=True):
        np.testing.assert_array_equal(image, picture(seed))
    assert (batch.index.dtype, batch.image.dtype, batch.label.dtype) == (
        np.int64,
        np.float32,
        np.int64,
    )
    assert batch.mask is None


def test_positions_are_answered_in_the_order_asked(class_folder: Path) -> None:
    source = opened(f"folder:{class_folder}")
    batch = source.load([3, 0])
    assert batch.index.tolist() == [3, 0]
    np.testing.assert_array_equal(batch.image[0], picture(0))


def test_images_arrive_in_model_units(class_folder: Path) -> None:
    batch = opened(f"folder:{class_folder}", name="caffe").load([0])
    np.testing.assert_array_equal(batch.image[0], PREPROCESSINGS["caffe"].forward(picture(2)))


def test_flat_folder_has_no_labels(tmp_path: Path) -> None:
    write(tmp_path / "b.png", picture(0))
    write(tmp_path / "a.PNG", picture(1))
    source = opened(f"folder:{tmp_path}")
    batch = source.load([0, 1])
    assert source.class_names is None and batch.label.tolist() == [-1, -1]
    np.testing.assert_array_equal(batch.image[0], picture(1))


def test_order_is_that_of_the_paths_however_the_files_came_to_be(tmp_path: Path) -> None:
    names = np.random.default_rng(0).permutation(20)
    for name in names:
        write(tmp_path / f"{name:02}.png", np.full((8, 8, 3), name, np.uint8))
    images = opened(f"folder:{tmp_path}").load(range(20)).image
    assert images[:, 0, 0, 0].tolist() == list(range(20))


def test_broken_images_are_skipped_and_listed_and_positions_stay_dense(
    class_folder: Path,
) -> None:
    (class_folder / "cat" / "aa.jpg").write_bytes(b"no image at all")
    whole = class_folder / "bee" / "cut.jpg"
    write(whole, picture(7, (64, 64)))
    whole.write_bytes(whole.read_bytes()[:-200])
    source = opened(f"folder:{class_folder}")
    assert len(source) == 4
    assert [Path(s.path).name for s in source.skipped] == ["cut.jpg", "aa.jpg"]
    assert all(s.reason and str(class_folder) not in s.reason for s in source.skipped)
    assert np.isfinite(source.load(range(4)).image).all()


def test_loose_files_beside_class_folders_are_listed(class_folder: Path) -> None:
    write(class_folder / "loose.png", picture(9))
    source = opened(f"folder:{class_folder}")
    assert len(source) == 4
    assert [s.reason for s in source.skipped] == ["outside the class folders"]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xd8\xff\xe0 broken"])
def test_folder_without_a_readable_image_is_refused(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    if content is not None:
        (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(InputError, match="no readable image"):
        opened(f"folder:{tmp_path}")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture(9))
    with pytest.raises(InputError, match=r"a.png' is a file, not a folder; give a folder of imag"):
        opened(f"folder:{tmp_path / 'a.png'}")
    assert len(opened(f"folder:{tmp_path}")) == 1


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        opened(f"folder:{tmp_path / 'nowhere'}")


def test_wordnet_ids_follow_the_standard_order(tmp_path: Path) -> None:
    wnids = [wnid for wnid, _ in imagenet_classes()]
    for i in (981, 3):
        write(tmp_path / wnids[i] / "x.png", picture(i))
    source = opened(f"folder:{tmp_path}")
    labels = source.load([0, 1]).label
    assert sorted(labels.tolist()) == [3, 981]
    assert source.class_names is not None and len(source.class_names) == 1000
    # In ImageNet's order the ids ascend, as the sorted folders do.
    assert wnids == sorted(wnids) and len(set(wnids)) == 1000


def test_a_stranger_among_wordnet_ids_is_named(tmp_path: Path) -> None:
    write(tmp_path / imagenet_classes()[0][0] / "x.png", picture(0))
    write(tmp_path / "holiday" / "x.png", picture(1))
    with pytest.raises(InputError, match="'holiday'"):
        opened(f"folder:{tmp_path}")


def test_imagenet_pictures_are_resized_by_the_short_side_and_cropped_at_the_centre(
    tmp_path: Path,
) -> None:
    wide = np.zeros((454, 908, 3), np.uint8)
    wide[:, 454 - 20 : 454 + 20] = 255
    write(tmp_path / "x.png", wide)
    source = open_source(
        f"folder:{tmp_path}",
        preprocessing=RAW,
        image_shape=(227, 227, 3),
        reading=Reading("imagenet"),
    )
    image = source.load([0]).image[0]
    # A short side of 256 shrinks by 256/454, so the stripe of 40 becomes one of 22.6 pixels.
    lit = np.flatnonzero(image[100, :, 0] > 127)
    assert 22 <= len(lit) <= 24 and lit.mean() == pytest.approx(113, abs=1)


def test_grey_and_transparent_pictures_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 77).save(tmp_path / "a.png")
    Image.new("RGBA", (8, 8), (1, 2, 3, 0)).save(tmp_path / "b.png")
    images = opened(f"folder:{tmp_path}").load([0, 1]).image
    assert np.all(images[0] == 77) and np.all(images[1] == [1, 2, 3])


def test_one_channel_gives_grey(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (90, 90, 90)).save(tmp_path / "a.png")
    assert np.all(opened(f"folder:{tmp_path}", (8, 8, 1)).load([0]).image == 90)


def test_embedded_brings_masks_labels_and_names() -> None:
    source = opened("embedded", (64, 64, 3), "centered")
    batch = source.load([0, 11])
    assert len(source) == 1000 and source.class_names is not None
    assert batch.mask is not None and batch.mask.shape == (2, 64, 64)
    assert batch.label.tolist() == [0, 1]
    assert batch.image.min() >= source.range.low and batch.image.max() <= source.range.high


def test_embedded_splits_and_seeds_hold_different_pictures() -> None:
    sources = [
        open_source(spec, preprocessing=RAW, image_shape=(64, 64, 3), seed=seed)
        for spec in ("embedded/val", "embedded/train")
        for seed in (0, 1)
    ]
    images = [source.load([0]).image for source in sources]
    assert len({image.tobytes() for image in images}) == 4
    assert len({source.fingerprint() for source in sources}) == 4


def test_embedded_refuses_other_sizes_and_unknown_splits() -> None:
    with pytest.raises(InputError, match="64x64x3, but the network takes 32x32x3"):
        opened("embedded", (32, 32, 3))
    with pytest.raises(InputError, match="did you mean train"):
        opened("embedded/trian", (64, 64, 3))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("foldr:x", "did you mean folder"),
        ("imagenet", "Unknown data source 'imagenet'"),
        ("folder", "says not where"),
        ("npz:", "says not where"),
        ("tfds:cifar10", "names no split"),
    ],
)
def test_specs_that_name_nothing_are_refused(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        opened(spec)


def test_unprepared_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not prepared|no data set"):
        open_source(
            "tfds:cifar10/test",
            preprocessing=RAW,
            image_shape=(32, 32, 3),
            data_dir=str(tmp_path),
        )


def test_prepared_data_set_is_read_in_order(shared_data: Path) -> None:
    def part(split: str) -> Source:
        return open_source(
            f"tfds:cifar10/{split}",
            preprocessing=RAW,
            image_shape=(32, 32, 3),
            data_dir=str(shared_data / "tfds"),
        )

    first, second = part("test[:4]"), part("test[2:4]")
    assert first.class_names is not None and first.class_names[0] == "airplane"
    np.testing.assert_array_equal(first.load([2, 3]).image, second.load([0, 1]).image)
    assert first.load([2, 3]).label.tolist() == second.load([0, 1]).label.tolist()
    assert first.fingerprint() != second.fingerprint()


@pytest.mark.parametrize(
    ("spec", "shape", "said"),
    [
        ("cifar10/dev", (32, 32, 3), "has no split 'dev'; it has test, train"),
        ("cifar11/test", (32, 32, 3), "no data set 'cifar11'"),
    ],
)
def test_prepared_data_that_does_not_fit_is_refused(
    shared_data: Path, spec: str, shape: tuple[int, int, int], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        open_source(
            f"tfds:{spec}",
            preprocessing=RAW,
            image_shape=shape,
            data_dir=str(shared_data / "tfds"),
        )


def test_digest_follows_content_and_nothing_else(class_folder: Path) -> None:
    first = opened(f"folder:{class_folder}")
    again = opened(f"folder:{class_folder}", name="caffe")
    assert first.digest() == again.digest() and first.fingerprint() != again.fingerprint()
    before = (class_folder / "ant" / "c.png").stat()
    write(class_folder / "ant" / "c.png", picture(50))
    os.utime(class_folder / "ant" / "c.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert first.digest() != opened(f"folder:{class_folder}").digest()


def classes(*names: str) -> Classes:
    return Classes(names, origin="a file")


@pytest.mark.parametrize(
    "changes",
    [
        {"preprocessing": PREPROCESSINGS["raw_bgr"]},
        {"preprocessing": PREPROCESSINGS["unit"]},
        {"preprocessing": dataclasses.replace(RAW, mean=(1.0,))},
        {"image_shape": (8, 9, 3)},
        {"reading": Reading(resize="crop")},
        {"reading": Reading(interpolation="nearest")},
        {"reading": Reading(orientation="exif")},
        {"reading": Reading(resize="imagenet")},
        {"reading": Reading(resize="imagenet", short_side=9)},
        {"classes": classes("cat", "bee", "ant")},
        {"classes": classes("ant", "bee", "cat", "dog"), "outputs": 4},
    ],
)
def test_the_fingerprint_follows_what_a_model_is_shown_and_told(
    class_folder: Path, changes: dict
) -> None:
    def fingerprint(**changed) -> str:
        asked = {"preprocessing": RAW, "image_shape": SHAPE, "outputs": 3} | changed
        return open_source(f"folder:{class_folder}", **asked).fingerprint()

    assert fingerprint() == fingerprint()
    assert fingerprint(**changes) != fingerprint()


def test_bounds_of_an_archive_are_in_its_fingerprint(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((3, *SHAPE)).astype(np.float32)
    np.savez(tmp_path / "x.npz", images=images)
    prints = {
        open_source(
            f"npz:{tmp_path / 'x.npz'}",
            preprocessing=RAW.within(0.0, high),
            image_shape=SHAPE,
        ).fingerprint()
        for high in (1.0, 1.0, 2.0)
    }
    assert len(prints) == 2


@pytest.mark.parametrize("positions", [[-1], [4], []])
def test_positions_outside_the_source_are_refused(class_folder: Path, positions: list) -> None:
    with pytest.raises(InputError, match="from 0 to 3"):
        opened(f"folder:{class_folder}").load(positions)


def test_choice_is_sorted_repeatable_and_without_repetition() -> None:
    source = opened("embedded", (64, 64, 3))
    chosen = choose(source, 50, seed=3)
    assert chosen.dtype == np.int64 and np.all(np.diff(chosen) > 0)
    np.testing.assert_array_equal(chosen, choose(source, 50, seed=3))
    assert not np.array_equal(chosen, choose(source, 50, seed=4))
    np.testing.assert_array_equal(choose(source, None), np.arange(1000))


@pytest.mark.parametrize("num", [0, -1, 1001])
def test_impossible_choice_is_refused(num: int) -> None:
    with pytest.raises(InputError, match="from 1 to 1000"):
        choose(opened("embedded", (64, 64, 3)), num)
