"""What is in a picture file: looked at once, decoded by Keras' decoder or Pillow's."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from picture_files import FILES, encoded, fits, grey16, pixels, rgb, tagged, tiff, with_alpha
from PIL import Image, ImageOps

from tf_fragile.data.decoding import Look, check_channels, decode, look, turned
from tf_fragile.errors import InputError


def looked(content: bytes, channels: int = 3, ending: str = "") -> Look:
    return look(io.BytesIO(content), channels, ending)


def test_sixteen_bits_are_scaled_as_tensorflow_scales_them() -> None:
    deep = grey16()
    content = encoded(Image.fromarray(deep), "PNG")
    theirs = tf.io.decode_image(content, channels=1).numpy()
    for keras in (True, False):
        np.testing.assert_array_equal(decode(content, 1, keras=keras), theirs)
    np.testing.assert_array_equal(theirs[..., 0], deep >> 8)
    for format in ("TIFF", "PPM"):
        other = encoded(Image.fromarray(deep), format)
        assert looked(other).deep == "16 bits" and not looked(other).problem
        np.testing.assert_array_equal(decode(other, 1, keras=True), theirs)
    assert looked(content) == Look(format="PNG", deep="16 bits", high=float(deep.max()))


def test_sixteen_bits_of_colour_lose_their_low_byte() -> None:
    deep = np.stack([grey16(), grey16()[::-1], grey16()[:, ::-1]], axis=-1)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    height, width = deep.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )
    for keras in (True, False):
        np.testing.assert_array_equal(decode(content, 3, keras=keras), deep >> 8)


def test_floats_are_multiplied_and_not_rounded() -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    content = encoded(Image.fromarray(values), "TIFF")
    found = looked(content)
    assert (found.deep, found.low, found.high, found.problem) == ("floats", 0, 1, "")
    for channels in (1, 3, 4):
        image = decode(content, channels, keras=True)
        assert image.dtype == np.float32 and image.shape == (8, 8, channels)
        np.testing.assert_array_equal(image[..., 0], values * np.float32(255))
    np.testing.assert_array_equal(decode(content, 4, keras=True)[..., 3], 255)


PROBLEMS = {
    "integers": (
        lambda: encoded(Image.fromarray(np.full((4, 4), 70000, np.int32)), "TIFF"),
        "integers of 32 bits or with a sign, whose scale is not known; store 8 bits, or 16 "
        "without a sign",
    ),
    "signed": (
        lambda: tiff(np.full((4, 4), -5, "<i2"), kind=2),
        "integers of 32 bits or with a sign, whose scale is not known; store 8 bits, or 16 "
        "without a sign",
    ),
    "signed bytes": (
        lambda: tiff(np.full((4, 4), -5, "i1"), kind=2),
        "integers of 32 bits or with a sign, whose scale is not known; store 8 bits, or 16 "
        "without a sign",
    ),
    "signed FITS": (
        lambda: fits(np.full((4, 4), -5)),
        "integers of 32 bits or with a sign, whose scale is not known; store 8 bits, or 16 "
        "without a sign",
    ),
    "twelve bits": (
        lambda: tiff(np.full((4, 4), 4095), kind=1, bits=12),
        "a TIFF of 12 bits, whose white is read as nearly black, or not at all; store values / "
        "4095 * 255 as 8 bits",
    ),
    "twelve bits, odd width": (
        lambda: tiff(np.full((4, 5), 4095), kind=1, bits=12),
        "a TIFF of 12 bits, whose white is read as nearly black, or not at all; store values / "
        "4095 * 255 as 8 bits",
    ),
    "negative": (
        lambda: tiff(np.full((4, 4), 9000, "<u2"), kind=1, white_is_zero=True),
        "a TIFF of 16 bits in which white is 0, whose negative is read; store black as 0",
    ),
    "negative floats": (
        lambda: tiff(np.full((4, 4), 0.5, "<f4"), kind=3, white_is_zero=True),
        "a TIFF of 32 bits in which white is 0, whose negative is read; store black as 0",
    ),
    "double": (
        lambda: tiff(np.zeros((4, 4), "<f8"), kind=3),
        "a TIFF of a kind that can't be read; convert it to PNG",
    ),
    "nan": (
        lambda: encoded(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"),
        "floats, some of them NaN or infinite",
    ),
    "nothing": (lambda: b"", "an empty file"),
    "text": (lambda: b"label,file\n0,a.png\n", "not a picture"),
    "page": (lambda: b"<!DOCTYPE html><html></html>", "not a picture"),
    "program": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "array": (lambda: b"\x93NUMPY\x01\x00v\x00{}", "not a picture"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_can_not_be_used_is_said(case: str) -> None:
    content, said = PROBLEMS[case]
    assert looked(content()).problem == said


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (np.arange(240, 256).astype("u1").reshape(4, 4), {}),
        (np.arange(16).reshape(4, 4), {"bits": 4}),
        (np.arange(4080, 4096).astype("<u2").reshape(4, 4) * 16, {}),
    ],
)
def test_tiffs_of_other_depths_have_their_values(values: np.ndarray, options) -> None:
    content = tiff(values, kind=1, **options)
    bits = options.get("bits", 8 * values.itemsize)
    assert not looked(content, 1).problem
    expected = values >> 8 if bits == 16 else np.int64(values) * 255 // (2**bits - 1)
    np.testing.assert_array_equal(decode(content, 1, keras=True)[..., 0], expected)
    if bits <= 8:
        turned = decode(tiff(values, kind=1, white_is_zero=True, **options), 1, keras=True)
        np.testing.assert_array_equal(turned[..., 0], 255 - expected)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_cut_off_is_not_read(name: str) -> None:
    content = FILES[name]()
    found = looked(content[: len(content) // 5], ending="." + name.rpartition(".")[2])
    assert found.problem


def test_colours_that_no_way_leads_from_are_said() -> None:
    content = encoded(Image.new("LAB", (4, 4)), "TIFF")
    assert looked(content, 1).problem == "conversion from LAB to RGB not supported"


def test_files_that_need_other_programs_are_named() -> None:
    assert looked(b"\0\0\0 ftypheic", ending=".HEIC").problem == (
        "HEIC files can't be read; convert it to PNG"
    )


def test_what_has_no_signature_is_believed_for_its_ending_alone() -> None:
    content = FILES["rgb.tga"]()
    assert looked(content).problem == "not a picture"
    assert looked(content, ending=".TGA").format == "TGA"
    np.testing.assert_array_equal(decode(content, 3, keras=True, ending=".tga"), pixels())


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    header = struct.pack(">IIBBBBB", 11_000, 11_000, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    with pytest.warns(Image.DecompressionBombWarning):
        found = look(io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT\0\0\0\0"))
    assert found.problem == (
        "11000x11000 pixels, 45 bytes that take 1.45 GB in memory, more than the 1.2 GB that a "
        "file may; if it is to be trusted, allow it by --file_limit=1.5"
    )


def test_transparency_is_noticed_where_there_is_some_and_kept_for_four_channels() -> None:
    picture = with_alpha("RGB")
    content = encoded(picture, "PNG")
    assert looked(content).transparent
    opaque = rgb()
    opaque.putalpha(255)
    assert not looked(encoded(opaque, "PNG")).transparent
    assert looked(FILES["clear_palette.png"]()).transparent
    np.testing.assert_array_equal(decode(content, 3, keras=True), pixels())
    np.testing.assert_array_equal(decode(content, 4, keras=False), np.asarray(picture))


def test_frames_are_counted_and_the_first_is_read() -> None:
    for name in ("animated.gif", "frames.tif"):
        content = FILES[name]()
        assert looked(content).frames
        first = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        np.testing.assert_array_equal(decode(content, 3, keras=True), first)
    assert not looked(FILES["still.gif"]()).frames


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_tags_are_found_and_followed(format: str, orientation: int) -> None:
    content = encoded(rgb(), format, exif=tagged(orientation))
    found = looked(content)
    assert found.orientation == orientation and found.turns == (format == "TIFF")
    stored = decode(content, 3, keras=False)
    seen = stored if found.turns else turned(stored, found.orientation)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(seen, np.asarray(shown))


def test_a_tag_that_is_none_is_no_turn() -> None:
    assert looked(encoded(rgb(), "JPEG", exif=tagged(0))).orientation == 1
    assert looked(encoded(rgb(), "JPEG", exif=tagged(9))).orientation == 1


def test_numbers_of_channels_that_no_picture_has_are_refused() -> None:
    for channels in (1, 3, 4):
        check_channels(channels)
    with pytest.raises(InputError) as error:
        check_channels(5)
    assert str(error.value) == (
        "The network takes 5 channels, but picture files give 1, 3 or 4; store the images as "
        "arrays and open them with npz:FILE."
    )
