"""Bringing pictures to the size a network asks for, as data pipelines do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from tf_fragile.data.fitting import fit
from tf_fragile.data.reading import Reading

Resizer = Callable[[npt.NDArray[np.generic]], npt.NDArray[np.float32]]


def resizer(
    reading: Reading, shape: tuple[int, int, int], stored: tuple[float, float] = (0.0, 255.0)
) -> Resizer:
    """The function that brings a picture to a shape.

    Args:
      reading: how.
      shape: `(H, W, C)` wanted.
      stored: smallest and largest value of the data. Interpolations that overshoot are cut off
        there, since attacks end there, too; `pad` fills with 0, or what is nearest to it.

    Returns:
      A function from `[h, w, C]` of any real dtype to `[H, W, C]` float32, not rounded.
    """
    if reading.resize == "imagenet":
        return _as_imagenet(reading, shape, stored)
    return _as_keras(reading, shape, stored)


def in_words(reading: Reading, shape: tuple[int, int, int]) -> str:
    """What `resizer` does, for people."""
    size = f"{shape[0]}x{shape[1]}"
    keras = "as keras.utils.image_dataset_from_directory"
    if reading.resize == "stretch":
        said = f"stretched to {size}, {reading.interpolation}, {keras}"
    elif reading.resize == "crop":
        said = (
            f"cut to the aspect ratio of {size} about the centre and resized, "
            f"{reading.interpolation}, {keras} with crop_to_aspect_ratio=True"
        )
    elif reading.resize == "pad":
        said = (
            f"resized to fit into {size} and padded with black, "
            f"{reading.interpolation}, {keras} with pad_to_aspect_ratio=True"
        )
    else:
        side = reading.short_side or "256/227 of the input's"
        said = f"short side brought to {side}, antialiased bicubic, and the centre {size} cut out"
    return said + (", turned by their EXIF tags" if reading.orientation == "exif" else "")


def _as_keras(
    reading: Reading, shape: tuple[int, int, int], stored: tuple[float, float]
) -> Resizer:
    height, width, channels = shape
    # Of unknown size while it is traced, as in a data set; else the kernels that blur are left
    # out where the size is right.
    signature = [tf.TensorSpec([None, None, channels], tf.float32)]

    @tf.function(input_signature=signature, autograph=False)
    def resize(image: tf.Tensor) -> tf.Tensor:
        if reading.resize == "pad":
            return _padded(image, height, width, reading.interpolation)
        if reading.resize == "crop":
            image = _centre(image, height, width)
        return tf.image.resize(image, (height, width), method=reading.interpolation)

    low, high = stored
    exact = reading.interpolation not in ("gaussian", "mitchellcubic")

    def resized(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        image = np.asarray(pixels, np.float32)
        if image.shape == shape and exact:
            return image
        with tf.device("CPU"):
            return np.clip(resize(image).numpy(), low, high)

    return resized


def _centre(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The largest part about the centre of the aspect ratio, rounded in float32 as in Keras."""
    found = tf.shape(image)
    rows = tf.cast(tf.cast(found[1] * height, tf.float32) / width, tf.int32)
    columns = tf.cast(tf.cast(found[0] * width, tf.float32) / height, tf.int32)
    rows = tf.maximum(tf.minimum(found[0], rows), 1)
    columns = tf.maximum(tf.minimum(found[1], columns), 1)
    top, left = (found[0] - rows) // 2, (found[1] - columns) // 2
    return image[top : top + rows, left : left + columns]


def _padded(image: tf.Tensor, height: int, width: int, method: str) -> tf.Tensor:
    """What `tf.image.resize_with_pad` gives, and a line where that breaks off at none."""
    found = tf.cast(tf.shape(image), tf.float32)
    ratio = tf.maximum(found[1] / width, found[0] / height)
    rows, columns = found[0] / ratio, found[1] / ratio
    sizes = [tf.maximum(tf.cast(tf.floor(size), tf.int32), 1) for size in (rows, columns)]
    top, left = (
        tf.maximum(tf.cast(tf.floor((side - size) / 2), tf.int32), 0)
        for side, size in ((height, rows), (width, columns))
    )
    resized = tf.image.resize(image, sizes, method=method)
    return tf.image.pad_to_bounding_box(resized, top, left, height, width)


def _as_imagenet(
    reading: Reading, shape: tuple[int, int, int], stored: tuple[float, float]
) -> Resizer:
    height, width, channels = shape

    def fitted(picture: Image.Image) -> npt.NDArray[np.float32]:
        return np.asarray(fit(picture, height, width, reading.short_side), np.float32)

    def resized(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        if pixels.dtype == np.uint8 and channels in (1, 3, 4):
            picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
            return fitted(picture).reshape(shape)
        bands = np.split(np.asarray(pixels, np.float32), channels, axis=-1)
        fits = [fitted(Image.fromarray(band[..., 0])) for band in bands]
        return np.clip(np.stack(fits, axis=-1), *stored)

    return resized
