"""Pixel for pixel: what a network is shown of a picture file is what other pipelines show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from picture_files import FILES, encoded, pixels, rgb
from PIL import Image

from tf_fragile.data import PREPROCESSINGS, Reading, open_source
from tf_fragile.data.geometry import in_words, resizer
from tf_fragile.errors import InputError

SIZE = (16, 24)
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # those that Keras' loader lists
GEOMETRIES = ("stretch", "crop", "pad", "imagenet")
COLOURS = {1: "grayscale", 3: "rgb", 4: "rgba"}

# Files of these endings that TensorFlow does not decode to that many channels, so that Keras'
# loader breaks off: its formats are narrower than their names.
NOT_DECODED = {
    1: ("cmyk.jpg", ".gif", ".bmp", ".webp"),
    3: ("bits.bmp",),
    4: (".jpg", ".jpeg", ".gif"),
}


def seen(path: Path, reading: Reading, channels: int = 3) -> np.ndarray:
    source = open_source(
        f"folder:{path.parent}",
        preprocessing=PREPROCESSINGS["raw"],
        image_shape=(*SIZE, channels),
        reading=reading,
    )
    assert source.files is not None
    return source.load([source.files.index(path.name)]).image[0]


def by_keras(path: Path, resize: str, channels: int, interpolation: str = "bilinear") -> np.ndarray:
    return next(all_by_keras(path.parent, resize, channels, interpolation))


def all_by_keras(
    folder: Path,
    resize: str,
    channels: int = 3,
    interpolation: str = "bilinear",
    size: tuple[int, int] = SIZE,
) -> Iterator[np.ndarray]:
    data = keras.utils.image_dataset_from_directory(
        folder,
        labels=None,
        image_size=size,
        color_mode=COLOURS[channels],
        interpolation=interpolation,
        crop_to_aspect_ratio=resize == "crop",
        pad_to_aspect_ratio=resize == "pad",
        batch_size=None,
        shuffle=False,
        verbose=False,
    )
    return (image.numpy() for image in data)


def by_load_img(path: Path, resize: str, channels: int) -> np.ndarray:
    """Pillow's pixels as `keras.utils.load_img` has them, in the geometry of Keras' loader."""
    picture = keras.utils.load_img(path, color_mode=COLOURS[channels])
    return resized_as_keras(
        np.asarray(picture, np.float32).reshape(*picture.size[::-1], channels), resize
    )


def resized_as_keras(image: np.ndarray, resize: str) -> np.ndarray:
    if resize == "crop":
        return keras.preprocessing.image.smart_resize(image, SIZE)
    if resize == "pad" and len(image) > 1:
        return tf.image.resize_with_pad(image, *SIZE).numpy()
    if resize == "pad":  # Keras breaks off where less than a line is left
        line = tf.image.resize(image, (1, SIZE[1]))
        return tf.image.pad_to_bounding_box(line, (SIZE[0] - 1) // 2, 0, *SIZE).numpy()
    return tf.image.resize(image, SIZE).numpy()


def by_pillow(picture: Image.Image) -> np.ndarray:
    """The short side to 27 (256/227 of 24), antialiased bicubic, and the centre cut out."""
    if picture.size == SIZE[::-1]:
        return np.asarray(picture, np.float32)
    margins = [round(side * 256 / 227) for side in SIZE]
    scale = max(margins[0] / picture.height, margins[1] / picture.width)
    size = [max(w, round(s * scale)) for w, s in zip(SIZE[::-1], picture.size, strict=True)]
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - SIZE[1]) // 2, (size[1] - SIZE[0]) // 2
    cut = picture.crop((left, top, left + SIZE[1], top + SIZE[0]))
    return np.asarray(cut, np.float32)


def is_decoded(name: str, channels: int) -> bool:
    """Whether Keras' loader can read the file."""
    return name.endswith(ENDINGS) and not name.endswith(NOT_DECODED[channels])


def truth(path: Path, resize: str, channels: int) -> np.ndarray:
    if resize == "imagenet":
        if "16" in path.name:
            high = (np.asarray(Image.open(path)) >> 8).astype(np.uint8)
            return by_pillow(Image.fromarray(high).convert("RGB"))
        return by_pillow(keras.utils.load_img(path, color_mode=COLOURS[channels]))
    if is_decoded(path.name, channels) and (path.name, resize) != ("line.png", "pad"):
        return by_keras(path, resize, channels)
    if "16" in path.name:
        high = (np.asarray(Image.open(path)) >> 8).astype(np.float32)[..., None]
        return resized_as_keras(np.repeat(high, channels, axis=-1), resize)
    return by_load_img(path, resize, channels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for name, content in FILES.items():
        place = root / name.replace(".", "_") / name
        place.parent.mkdir()
        place.write_bytes(content())
    return root


@pytest.mark.parametrize("resize", GEOMETRIES)
@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_keras_or_pillow(folder: Path, name: str, resize: str) -> None:
    path = folder / name.replace(".", "_") / name
    found = seen(path, Reading(resize))  # type: ignore[arg-type]
    assert found.dtype == np.float32 and found.shape == (*SIZE, 3)
    np.testing.assert_allclose(found, truth(path, resize, 3), atol=1e-3)


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("name", [n for n in FILES if "16" not in n and n != "palette.bmp"])
def test_one_and_four_channels_are_those_of_keras_or_pillow(
    folder: Path, name: str, channels: int
) -> None:
    path = folder / name.replace(".", "_") / name
    found = seen(path, Reading(), channels)
    np.testing.assert_allclose(found, truth(path, "stretch", channels), atol=1e-3)


@pytest.mark.parametrize("name", [n for n in FILES if n.endswith(ENDINGS)])
def test_what_keras_cannot_decode_is_as_listed(folder: Path, name: str) -> None:
    content = (folder / name.replace(".", "_") / name).read_bytes()
    for channels in (1, 3, 4):
        try:
            tf.io.decode_image(content, channels=channels, expand_animations=False)
            decoded = True
        except tf.errors.InvalidArgumentError:
            decoded = False
        assert decoded == is_decoded(name, channels), channels


@pytest.mark.parametrize(
    ("resize", "interpolation"),
    [
        ("stretch", "nearest"),
        ("stretch", "area"),
        ("stretch", "gaussian"),
        ("stretch", "mitchellcubic"),
        ("crop", "nearest"),
        ("pad", "area"),
        ("pad", "gaussian"),
    ],
)
@pytest.mark.parametrize("name", ["rgb.png", "wide.jpg", "high.png", "same_size.png", "dot.png"])
def test_interpolations_are_those_of_keras(
    folder: Path, name: str, resize: str, interpolation: str
) -> None:
    path = folder / name.replace(".", "_") / name
    found = seen(path, Reading(resize, interpolation))  # type: ignore[arg-type]
    np.testing.assert_allclose(found, by_keras(path, resize, 3, interpolation), atol=1e-3)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos3", "lanczos5"])
def test_what_overshoots_is_cut_off_where_attacks_end(
    tmp_path: Path, resize: str, interpolation: str
) -> None:
    path = tmp_path / "edges.png"
    board = (np.indices((40, 40)).sum(0) // 7 % 2 * 255).astype(np.uint8)
    Image.fromarray(np.dstack([board] * 3)).save(path)
    theirs = by_keras(path, resize, 3, interpolation)
    assert theirs.min() < -1 and theirs.max() > 256
    found = seen(path, Reading(resize, interpolation))  # type: ignore[arg-type]
    np.testing.assert_allclose(found, np.clip(theirs, 0, 255), atol=1e-3)


@pytest.mark.parametrize("size", [SIZE, (96, 128), (50, 37)])
@pytest.mark.parametrize("resize", ["crop", "pad"])
def test_sizes_are_rounded_as_keras_rounds_them(
    tmp_path: Path, resize: str, size: tuple[int, int]
) -> None:
    # Which of two whole numbers a size becomes hangs on the last bit of float32.
    sides = np.random.default_rng(0).integers(6, 100, (150, 2))
    for number, (width, height) in enumerate(sides):
        rgb(width, height).save(tmp_path / f"{number:03}.png")
    rgb(640, 481).save(tmp_path / "large.png")
    source = open_source(
        f"folder:{tmp_path}",
        preprocessing=PREPROCESSINGS["raw"],
        image_shape=(*size, 3),
        reading=Reading(resize),  # type: ignore[arg-type]
    )
    for number, image in enumerate(all_by_keras(tmp_path, resize, size=size)):
        np.testing.assert_allclose(source.load([number]).image[0], image, atol=1e-3)


def test_a_given_short_side_is_that_of_the_picture_before_the_cut(tmp_path: Path) -> None:
    rgb(64, 32).save(tmp_path / "x.png")
    plain = seen(tmp_path / "x.png", Reading("imagenet", short_side=32))
    np.testing.assert_array_equal(plain, pixels(64, 32)[8:24, 20:44])  # not resized at all
    twice = seen(tmp_path / "x.png", Reading("imagenet", short_side=64))
    large = rgb(64, 32).resize((128, 64), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(twice, np.asarray(large)[24:40, 52:76])


def test_arrays_of_any_channels_and_types_are_resized_alike() -> None:
    image = pixels()
    for resize in GEOMETRIES:
        reading = Reading(resize)  # type: ignore[arg-type]
        three = resizer(reading, (*SIZE, 3))(image)
        five = resizer(reading, (*SIZE, 5))(np.concatenate([image, image[..., :2]], axis=-1))
        assert np.abs(five - three[..., [0, 1, 2, 0, 1]]).max() <= 1  # Pillow rounds 8 bits twice
        floats = resizer(reading, (*SIZE, 3), stored=(-1.0, 1.0))(image / 127.5 - 1)
        if resize != "pad":  # which fills with 0, whatever that stands for
            np.testing.assert_allclose((floats + 1) * 127.5, three, atol=1.01)


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (Reading(), "stretched to 16x24, bilinear, as keras.utils.image_dataset_from_directory"),
        (
            Reading("crop", "nearest"),
            "cut to the aspect ratio of 16x24 about the centre and resized, nearest, as "
            "keras.utils.image_dataset_from_directory with crop_to_aspect_ratio=True",
        ),
        (
            Reading("pad", orientation="exif"),
            "resized to fit into 16x24 and padded with black, bilinear, as "
            "keras.utils.image_dataset_from_directory with pad_to_aspect_ratio=True, turned by "
            "their EXIF tags",
        ),
        (
            Reading.evaluated(256),
            "short side brought to 256, antialiased bicubic, and the centre 16x24 cut out",
        ),
    ],
)
def test_geometries_are_said(reading: Reading, said: str) -> None:
    assert in_words(reading, (*SIZE, 3)) == said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"resize": "strech"}, "Unknown resize 'strech'; did you mean stretch"),
        ({"interpolation": "cubic"}, "Unknown interpolation 'cubic'; did you mean bicubic"),
        ({"orientation": "exiff"}, "Unknown orientation 'exiff'; did you mean exif"),
        (
            {"resize": "imagenet", "interpolation": "area"},
            "Resize 'imagenet' is bicubic and takes no interpolation 'area'; leave it out, or "
            "choose another resize",
        ),
        (
            {"resize": "crop", "interpolation": "area"},
            "Resize 'crop' has no interpolation 'area' in Keras; choose one of bilinear, nearest, "
            "bicubic, lanczos3, lanczos5",
        ),
        (
            {"short_side": 256},
            "A short side of 256 is no setting of resize 'stretch'; leave it out, or choose resize "
            "'imagenet' and a side of at least 1 pixel",
        ),
    ],
)
def test_readings_that_are_none_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(InputError) as error:
        Reading(**settings)
    assert said in str(error.value)


def test_a_file_of_another_ending_is_what_its_content_is(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(encoded(rgb(), "JPEG"))
    found = seen(tmp_path / "x.png", Reading())
    np.testing.assert_allclose(found, by_keras(tmp_path / "x.png", "stretch", 3), atol=1e-3)
