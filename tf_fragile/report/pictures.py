"""Pictures and maps as data URIs, as a page shows them."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 256
LOSSLESS_SIDE = 128
LEVELS = 64

Array = NDArray[np.generic]


def photo(pixels: Array) -> str:
    """A picture as a data URI.

    Args:
      pixels: `[H, W, 3]` or `[H, W, 1]`, 0 to 255; rounded and clipped.

    Returns:
      PNG for sides up to 128 pixels, JPEG of quality 90 above; at most 256 pixels a side.
    """
    rounded = np.clip(np.rint(np.asarray(pixels, np.float32)), 0, 255).astype(np.uint8)
    image = _picture(rounded)
    small = max(image.size) <= LOSSLESS_SIDE
    return _uri(_shrink(image, Image.Resampling.BOX), "PNG" if small else "JPEG")


def difference_factor(epsilon: float, grey_level: float) -> float:
    """What a difference is multiplied with for +-epsilon to span black to white."""
    return 127.5 * grey_level / epsilon


def difference(original: Array, perturbed: Array, factor: float) -> str:
    """The amplified difference around mid-grey, as a data URI; sizes as `photo`.

    Taken from the exact numbers, not from the pictures shown. Large ones are thinned out
    instead of averaged, which would cancel noise against itself.
    """
    change = np.asarray(perturbed, np.float32) - np.asarray(original, np.float32)
    drawn = np.clip(np.rint(127.5 + factor * change), 0, 255).astype(np.uint8)
    image = _shrink(_picture(drawn), Image.Resampling.NEAREST)
    kinds = ("PNG",) if max(drawn.shape[:2]) <= LOSSLESS_SIDE else ("PNG", "JPEG")
    return min((_uri(image, kind) for kind in kinds), key=len)


def heat_map(values: Array) -> str:
    """A map in the colours of `inferno`, from 0 to its 99th percentile, as a PNG data URI.

    Args:
      values: `[H, W]` float without negative entries; each map has its own scale.
    """
    values = np.nan_to_num(np.asarray(values, np.float32), posinf=0.0, neginf=0.0)
    image = _shrink(Image.fromarray(values), Image.Resampling.BOX)
    shown = np.asarray(image)
    # The top of a sparse map is all there is to see: its 99th percentile would be 0.
    top = float(np.percentile(shown, 99)) or float(shown.max())
    level = np.clip(shown / top, 0, 1) if top > 0 else np.zeros_like(shown)
    indexed = Image.fromarray(np.rint(level * (LEVELS - 1)).astype(np.uint8))
    colours = matplotlib.colormaps["inferno"].resampled(LEVELS)(np.arange(LEVELS))[:, :3]
    indexed.putpalette(np.rint(255 * colours).astype(np.uint8).tobytes())
    return _uri(indexed, "PNG")


def _picture(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _shrink(image: Image.Image, resampling: Image.Resampling) -> Image.Image:
    scale = SIDE / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), resampling)


def _uri(image: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 90} if kind == "JPEG" else {}))
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{content}"
