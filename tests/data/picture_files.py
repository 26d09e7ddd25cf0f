"""Picture files of every kind, made here, for tests of what is read from them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image


def pixels(width: int = 37, height: int = 29, seed: int = 0) -> np.ndarray:
    """Smooth colours with some noise, `[height, width, 3]` uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 5 + y / 9 + c) for c in range(3)], axis=-1)
    return np.clip(128 + 90 * waves + rng.normal(0, 12, waves.shape), 0, 255).astype(np.uint8)


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def rgb(width: int = 37, height: int = 29) -> Image.Image:
    return Image.fromarray(pixels(width, height))


def grey16() -> np.ndarray:
    return pixels()[..., 0].astype(np.uint16) * 256 + pixels()[..., 1]


def with_alpha(mode: str) -> Image.Image:
    picture = rgb().convert(mode)
    picture.putalpha(Image.fromarray(pixels()[..., 2]))
    return picture


def tagged(orientation: int) -> Image.Exif:
    tag = Image.Exif()
    tag[0x0112] = orientation
    return tag


def tiff(values: np.ndarray, kind: int, *, bits: int = 0, white_is_zero: bool = False) -> bytes:
    """A grey TIFF of little-endian values; kind 1 is without a sign, 2 with one, 3 are floats.

    `bits` packs whole numbers into so many, the rows one after the other.
    """
    height, width = values.shape
    content = _packed(values, bits) if bits else values.tobytes()
    start = 8 + 2 + 12 * 10 + 4
    tags = {256: width, 257: height, 258: bits or 8 * values.itemsize, 259: 1}
    tags |= {262: 0 if white_is_zero else 1, 273: start, 277: 1, 278: height}
    tags |= {279: len(content), 339: kind}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + entries + bytes(4) + content


def _packed(values: np.ndarray, bits: int) -> bytes:
    rows = values[..., None] >> np.arange(bits)[::-1] & 1
    return np.packbits(rows.reshape(len(values), -1), axis=1).tobytes()


def fits(values: np.ndarray) -> bytes:
    """A FITS file of whole numbers of 16 bits, which have a sign."""
    height, width = values.shape
    said = {"SIMPLE": "T", "BITPIX": 16, "NAXIS": 2, "NAXIS1": width, "NAXIS2": height}
    cards = [*(f"{key:8}= {value:>20}" for key, value in said.items()), "END"]
    header = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    return header + values.astype(">i2").tobytes().ljust(2880, b"\0")


def palette() -> Image.Image:
    return rgb().quantize(64)


def animated() -> bytes:
    frames = [Image.fromarray(pixels(seed=seed)).quantize(64) for seed in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def many_frames() -> bytes:
    frames = [Image.fromarray(pixels(seed=seed)) for seed in range(2)]
    return encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])


FILES: dict[str, Callable[[], bytes]] = {
    "plain.jpg": lambda: encoded(rgb(), "JPEG", quality=90),
    "progressive.jpg": lambda: encoded(rgb(), "JPEG", progressive=True),
    "no_subsampling.jpeg": lambda: encoded(rgb(), "JPEG", subsampling=0),
    "cmyk.jpg": lambda: encoded(rgb().convert("CMYK"), "JPEG"),
    "grey.jpg": lambda: encoded(rgb().convert("L"), "JPEG"),
    "turned.jpg": lambda: encoded(rgb(), "JPEG", exif=tagged(6)),
    "wide.jpg": lambda: encoded(rgb(90, 30), "JPEG"),
    "rgb.png": lambda: encoded(rgb(), "PNG"),
    "grey.png": lambda: encoded(rgb().convert("L"), "PNG"),
    "bits.png": lambda: encoded(rgb().convert("1"), "PNG"),
    "palette.png": lambda: encoded(palette(), "PNG"),
    "clear_palette.png": lambda: encoded(palette(), "PNG", transparency=3),
    "rgba.png": lambda: encoded(with_alpha("RGB"), "PNG"),
    "grey_alpha.png": lambda: encoded(with_alpha("L"), "PNG"),
    "grey16.png": lambda: encoded(Image.fromarray(grey16()), "PNG"),
    "dot.png": lambda: encoded(rgb(1, 1), "PNG"),
    "line.png": lambda: encoded(rgb(48, 1), "PNG"),
    "high.png": lambda: encoded(rgb(30, 90), "PNG"),
    "same_size.png": lambda: encoded(rgb(24, 16), "PNG"),
    "rgb.bmp": lambda: encoded(rgb(), "BMP"),
    "grey.bmp": lambda: encoded(rgb().convert("L"), "BMP"),
    "palette.bmp": lambda: encoded(palette(), "BMP"),
    "still.gif": lambda: encoded(palette(), "GIF"),
    "animated.gif": animated,
    "rgb.tif": lambda: encoded(rgb(), "TIFF"),
    "packed.tiff": lambda: encoded(rgb(), "TIFF", compression="tiff_lzw"),
    "grey16.tif": lambda: encoded(Image.fromarray(grey16()), "TIFF"),
    "frames.tif": many_frames,
    "turned.tif": lambda: encoded(rgb(), "TIFF", exif=tagged(6)),
    "lossless.webp": lambda: encoded(rgb(), "WEBP", lossless=True),
    "lossy.webp": lambda: encoded(rgb(), "WEBP"),
    "rgb.ppm": lambda: encoded(rgb(), "PPM"),
    "rgb.tga": lambda: encoded(rgb(), "TGA"),
}
"""Name of a file to its content; most are 37 wide and 29 high."""
