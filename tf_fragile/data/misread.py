"""Files that Pillow opens and gives other values of than are meant."""

from __future__ import annotations

from PIL import Image
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    SAMPLEFORMAT,
    TiffImageFile,
)

NO_SCALE = (
    "integers of 32 bits or with a sign, whose scale is not known; store 8 bits, or 16 without a "
    "sign"
)

_SIGNED, _WHITE_IS_ZERO = 2, 0


def misread(picture: Image.Image) -> str:
    """Why the values of a picture that was opened, not loaded, would be wrong; empty elsewhere."""
    if isinstance(picture, TiffImageFile):
        return _of_tiff(picture)
    if picture.format == "FITS" and picture.mode.startswith("I;16"):
        return NO_SCALE  # they have a sign, which is read as the highest bit
    return ""


def _of_tiff(picture: TiffImageFile) -> str:
    bits = max(_values(picture, BITSPERSAMPLE), default=1)
    if _SIGNED in _values(picture, SAMPLEFORMAT):
        return NO_SCALE  # of 8 bits, -1 is read as 255
    if bits not in (1, 2, 4, 8, 16, 32):  # read as 16, and rows that end within a byte not at all
        return (
            f"a TIFF of {bits} bits, whose white is read as nearly black, or not at all; store "
            f"values / {2**bits - 1} * 255 as 8 bits"
        )
    if bits > 8 and _WHITE_IS_ZERO in _values(picture, PHOTOMETRIC_INTERPRETATION):
        return (
            f"a TIFF of {bits} bits in which white is 0, whose negative is read; store black as 0"
        )
    return ""


def _values(picture: TiffImageFile, tag: int) -> tuple[int, ...]:
    found = picture.tag_v2.get(tag, ())
    return tuple(found) if isinstance(found, tuple) else (found,)
