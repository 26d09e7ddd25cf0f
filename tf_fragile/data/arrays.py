"""Bringing an image that is an array to the size a network asks for."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from tf_fragile.data.fitting import fit
from tf_fragile.data.reading import Reading
from tf_fragile.errors import InputError

DONE = {
    "stretch": "stretched",
    "crop": "cropped to the aspect ratio and resized",
    "pad": "resized and padded with 0",
    "imagenet": "resized and cropped at the centre",
}


def fit_array(
    pixels: npt.NDArray[np.generic],
    shape: tuple[int, int, int],
    reading: Reading,
    stored: tuple[float, float] = (0.0, 255.0),
) -> npt.NDArray[np.generic]:
    """Resizes an image by the rule that picture files are read with.

    `stretch`, `crop` and `pad` are what `keras.utils.image_dataset_from_directory` does; where an
    interpolation overshoots, its values are cut to the range of the data. `imagenet` is
    `fitting.fit`, channel by channel where Pillow has no such picture.

    Args:
      pixels: `[H', W', C]`, any real dtype.
      shape: `(H, W, C)` wanted.
      reading: the geometry.
      stored: smallest and largest value of the data.

    Returns:
      `[H, W, C]`: `pixels` itself where the size is right, otherwise float32, not rounded.

    Raises:
      InputError: an interpolation that Keras does not have for this geometry.
    """
    size = shape[:2]
    if pixels.shape[:2] == size:
        return pixels
    if reading.resize == "imagenet":
        return np.clip(_as_imagenet(pixels, shape), *stored)
    image, method = tf.cast(tf.constant(pixels), tf.float32), reading.interpolation
    if reading.resize == "stretch":
        resized = tf.image.resize(image, size, method=method)
    elif reading.resize == "pad":
        resized = tf.image.resize_with_pad(image, *size, method=method)
    else:
        resized = _cropped(image, size, method)
    return np.clip(resized.numpy(), *stored)


def _cropped(image: tf.Tensor, size: tuple[int, int], method: str) -> tf.Tensor:
    try:
        return keras.ops.image.resize(
            image,
            size,
            interpolation=method,
            crop_to_aspect_ratio=True,
            data_format="channels_last",
        )
    except ValueError as error:
        raise InputError(
            f"Interpolation {method!r} is not there for resize 'crop'; "
            "choose bilinear, bicubic, nearest, area, lanczos3 or lanczos5."
        ) from error


def in_words(found: tuple[int, ...], shape: tuple[int, int, int], reading: Reading) -> str:
    """What `fit_array` does to images of one shape, for people; empty where nothing."""
    if tuple(found[:2]) == shape[:2]:
        return ""
    how = "bicubic" if reading.resize == "imagenet" else reading.interpolation
    sizes = [f"{height}x{width}" for height, width, *_ in (found, shape)]
    return f"{sizes[0]} {DONE[reading.resize]} to {sizes[1]}, {how}"


def _as_imagenet(
    pixels: npt.NDArray[np.generic], shape: tuple[int, int, int]
) -> npt.NDArray[np.float32]:
    height, width, channels = shape
    if pixels.dtype == np.uint8 and channels in (1, 3):
        picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        return np.asarray(fit(picture, height, width), np.float32).reshape(shape)
    bands = (Image.fromarray(pixels[..., band].astype(np.float32)) for band in range(channels))
    return np.stack([np.asarray(fit(band, height, width)) for band in bands], axis=-1)
