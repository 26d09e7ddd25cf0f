"""From the bytes of a picture file to its pixels."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace
from functools import cache
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import ExifTags, Image, UnidentifiedImageError

from tf_fragile.data.misread import NO_SCALE, misread
from tf_fragile.errors import InputError
from tf_fragile.limits import FILE_LIMIT, too_large

Pixels = npt.NDArray[np.generic]

CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's modes by number of channels."""

# Readers that only know a format by name, or start another program.
_NEVER = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
_UNREADABLE = frozenset(
    {
        *(".arw", ".cr2", ".cr3", ".dcm", ".dng", ".eps", ".exr", ".hdr", ".heic", ".heif"),
        *(".jxl", ".nef", ".nii", ".svg", ".wmf"),
    }
)

# What Pillow's decoders raise on broken files; some leak their own exceptions.
DECODING_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_PIXEL = 12
"""Bytes that each pixel takes while a picture is resized."""


@dataclass(frozen=True)
class Look:
    """What is known of a picture file after it was decoded once.

    Attributes:
      problem: why it can't be used; empty where it can.
      format: Pillow's name of it.
      deep: what its values are, where not 8 bits each.
      low: smallest value, of floats.
      high: largest value, of floats and 16 bits.
      orientation: its EXIF tag where it asks for a turn, else 1.
      turns: whether the decoder makes that turn, whatever is asked for: Pillow does in TIFFs.
      transparent: whether some pixel is.
      frames: whether it has several.
      indexed: whether it is a BMP of colour indices, which Keras takes for grey levels.
    """

    problem: str = ""
    format: str = ""
    deep: Literal["", "16 bits", "floats"] = ""
    low: float = 0.0
    high: float = 255.0
    orientation: int = 1
    turns: bool = False
    transparent: bool = False
    frames: bool = False
    indexed: bool = False


def check_channels(channels: int) -> None:
    """Raises `InputError` where pictures have no such number of channels."""
    if channels not in CHANNELS:
        raise InputError(
            f"The network takes {channels} channels, but picture files give 1, 3 or 4; "
            "store the images as arrays and open them with npz:FILE."
        )


def look(
    content: BinaryIO, channels: int = 3, ending: str = "", file_limit: float = FILE_LIMIT
) -> Look:
    """Decodes a picture once, as fast as can be, to see whether and how it can be used.

    Args:
      content: of the file, from its beginning; of what is no picture only that is read.
      channels: that it will be asked for.
      ending: of its name, e.g. `".png"`.
      file_limit: GB that it may take in memory, see `limits.too_large`.
    """
    if not content.read(1):
        return Look("an empty file")
    stored = content.seek(0, io.SEEK_END)
    content.seek(0)
    try:
        with _opened(content, ending) as picture:
            why = too_large(_PIXEL * picture.width * picture.height, stored, file_limit)
            if why:
                return Look(f"{picture.width}x{picture.height} pixels, {why}")
            if why := misread(picture):
                return Look(why)
            return _looked(picture, channels)
    except UnidentifiedImageError:
        if ending.lower() in _UNREADABLE:
            return Look(f"{ending[1:].upper()} files can't be read; convert it to PNG")
        content.seek(0)
        if content.read(4) in _TIFF:
            return Look("a TIFF of a kind that can't be read; convert it to PNG")
        return Look("not a picture")
    except DECODING_ERRORS as error:
        return Look(" ".join(str(error).split()) or "can't be decoded")


def decode(content: bytes, channels: int, *, keras: bool, ending: str = "") -> Pixels:
    """The pixels of a picture's first frame.

    Args:
      content: of the file; `look` found no problem with it.
      channels: 1, 3 or 4.
      keras: by `tf.io.decode_image`, as Keras' loader does, where that can; else by Pillow.
      ending: of the file's name.

    Returns:
      `[H, W, channels]`: uint8, or float32 for floats, which are multiplied by 255. Of 16 bits the
      high byte is taken. Transparency is dropped unless 4 channels are asked for.
    """
    if keras:
        try:
            with tf.device("CPU"):
                decoded = tf.io.decode_image(content, channels, expand_animations=False)
            return np.asarray(decoded.numpy(), np.uint8)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            pass  # a format, or a number of channels from it, that TensorFlow does not read
    with _opened(io.BytesIO(content), ending) as picture:
        return _levels(picture, channels)


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """A picture as its EXIF orientation tag (1 to 8) says that it should be shown."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _opened(content: BinaryIO, ending: str) -> Image.Image:
    return Image.open(content, formats=_formats(ending.lower()))


@cache
def _formats(ending: str) -> tuple[str, ...]:
    """Formats that have a signature, and the one that is known by this ending alone."""
    Image.init()
    own = Image.EXTENSION.get(ending)
    return tuple(
        name
        for name, (_, accept) in Image.OPEN.items()
        if name not in _NEVER and (accept is not None or name == own)
    )


def _looked(picture: Image.Image, channels: int) -> Look:
    indexed = picture.format == "BMP" and picture.mode == "P"
    frames = _has_frames(picture)
    turns = picture.format == "TIFF"
    orientation = picture.getexif().get(ExifTags.Base.Orientation, 1) if turns else 1
    # Decoding a JPEG at its smallest scale still reads all of it, at half the time.
    picture.draft("L", (1, 1))
    picture.load()
    if not turns:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    common = Look(
        format=picture.format or "",
        orientation=orientation if orientation in range(2, 9) else 1,
        turns=turns,
        transparent=_transparent(picture),
        frames=frames,
        indexed=indexed,
    )
    return _with_depth(common, picture, channels)


def _has_frames(picture: Image.Image) -> bool:
    """Whether there are more; cameras store previews in theirs, which are none."""
    try:
        return picture.format != "MPO" and bool(getattr(picture, "is_animated", False))
    except DECODING_ERRORS:
        return True


def _with_depth(common: Look, picture: Image.Image, channels: int) -> Look:
    if _is_deep(picture):
        return replace(common, deep="16 bits", high=float(np.asarray(picture).max()))
    if picture.mode == "I":
        return replace(common, problem=NO_SCALE)
    if picture.mode == "F":
        values = np.asarray(picture)
        if not np.isfinite(values).all():
            return replace(common, problem="floats, some of them NaN or infinite")
        low, high = float(values.min()), float(values.max())
        return replace(common, deep="floats", low=low, high=high)
    picture.crop((0, 0, 1, 1)).convert(CHANNELS[channels])  # raises where there is no such way
    return common


def _is_deep(picture: Image.Image) -> bool:
    """Whether values have 16 bits; Pillow has some formats' in 32."""
    return picture.mode.startswith("I;16") or (
        picture.mode == "I" and picture.format in ("PNG", "PPM", "JPEG2000")
    )


def _transparent(picture: Image.Image) -> bool:
    if picture.mode in ("RGBA", "LA", "PA"):
        return bool(np.asarray(picture.getchannel("A")).min() < 255)
    return "transparency" in picture.info


def _levels(picture: Image.Image, channels: int) -> Pixels:
    picture.load()
    if _is_deep(picture):
        values = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray((values >> 8).clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        grey = np.asarray(picture, np.float32)[..., None] * np.float32(255)
        opaque = np.full_like(grey, 255)
        return np.concatenate([grey] * min(channels, 3) + [opaque] * (channels == 4), axis=-1)
    if "transparency" in picture.info and picture.mode in ("P", "L", "RGB"):
        picture = picture.convert("RGBA")
    picture = picture.convert(CHANNELS[channels])
    return np.asarray(picture, np.uint8).reshape(picture.height, picture.width, channels)
