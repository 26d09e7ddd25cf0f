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
    signature = [tf.TensorSpec([None, None, channels], tf.float32), tf.TensorSpec([2], tf.int32)]

    def scale(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(image, size, method=reading.interpolation)

    compiled = tf.function(scale, input_signature=signature, autograph=False)
    low, high = stored
    exact = reading.interpolation not in ("gaussian", "mitchellcubic")

    def resized(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        image = np.asarray(pixels, np.float32)
        if image.shape == shape and exact:
            return image
        if reading.resize == "crop":
            image = _centre(image, height, width)
        place = _place(image, height, width) if reading.resize == "pad" else (0, 0, height, width)
        top, left, rows, columns = place
        with tf.device("CPU"):
            scaled = compiled(image, np.array([rows, columns], np.int32)).numpy()
        full = np.zeros(shape, np.float32)
        full[top : top + rows, left : left + columns] = scaled
        return np.clip(full, low, high)

    return resized


# Sizes are rounded here and not in the graph, where a division by a constant becomes a product
# with its reciprocal: by its last bit a column would be missing.


def _centre(image: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    """The largest part about the centre of the aspect ratio, rounded in float32 as in Keras."""
    found = image.shape
    rows = min(found[0], int(np.float32(found[1] * height) / np.float32(width)))
    columns = min(found[1], int(np.float32(found[0] * width) / np.float32(height)))
    rows, columns = max(rows, 1), max(columns, 1)
    top, left = (found[0] - rows) // 2, (found[1] - columns) // 2
    return image[top : top + rows, left : left + columns]


def _place(image: npt.NDArray[np.float32], height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of a picture that is padded.

    Rounded in float32 as in `tf.image.resize_with_pad`; a line is left where that has none.
    """
    found = np.array(image.shape[:2], np.float32)
    wanted = np.array([height, width], np.float32)
    sizes = found / (found / wanted).max()
    rows, columns = (max(int(size), 1) for size in sizes)
    top, left = (max(int(np.floor(free)), 0) for free in (wanted - sizes) / np.float32(2))
    return top, left, rows, columns


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
