"""MobileNet v1 and v2 as published in TensorFlow, batch norms folded into the kernels.

Howard et al. 2017 (arXiv 1704.04861), table 1, and Sandler et al. 2018 (arXiv 1801.04381),
table 2; layers are named as in TensorFlow's published graphs.
"""

from __future__ import annotations

import keras
from keras import layers

from tf_fragile.models.zoo.image import SIDE, image_input

INPUT_SHAPE = (SIDE, SIDE, 3)
CLASSES = 1000

# Width and stride of each separable convolution.
_V1 = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
# Expansion, width, repeats and stride of the first of each group.
_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def build_mobilenet_v1(*, side: int = SIDE) -> keras.Model:
    """Builds MobileNet v1, width 1, with fresh weights: a chain of separable convolutions.

    Args:
      side: of the input in pixels; the published weights were trained at 224.

    Returns:
      A functional model from `[B, side, side, 3]` (RGB in [-1, 1]) to `[B, 1000]` logits.

    Raises:
      InputError: if the side is below 32.
    """
    image = image_input(side)
    x = _conv(image, "Conv2d_0", 32, 3, 2)
    for i, (width, stride) in enumerate(_V1, start=1):
        x = _depthwise(x, f"Conv2d_{i}_depthwise", stride)
        x = _conv(x, f"Conv2d_{i}_pointwise", width)
    return _classifier(image, x, "mobilenet_v1")


def build_mobilenet_v2(*, side: int = SIDE) -> keras.Model:
    """Builds MobileNet v2, width 1, with fresh weights: inverted residuals.

    Args:
      side: of the input in pixels; the published weights were trained at 224.

    Returns:
      A functional model from `[B, side, side, 3]` (RGB in [-1, 1]) to `[B, 1000]` logits.

    Raises:
      InputError: if the side is below 32.
    """
    image = image_input(side)
    x = _conv(image, "Conv", 32, 3, 2)
    index = 0
    for expansion, width, repeats, first_stride in _V2:
        for repeat in range(repeats):
            name = f"expanded_conv_{index}" if index else "expanded_conv"
            x = _inverted_residual(x, name, expansion, width, 1 if repeat else first_stride)
            index += 1
    x = _conv(x, "Conv_1", 1280)
    return _classifier(image, x, "mobilenet_v2")


def _inverted_residual(
    x: keras.KerasTensor, name: str, expansion: int, width: int, stride: int
) -> keras.KerasTensor:
    h = x
    if expansion > 1:
        h = _conv(h, f"{name}_expand", expansion * x.shape[-1])
    h = _depthwise(h, f"{name}_depthwise", stride)
    h = layers.Conv2D(width, 1, name=f"{name}_project")(h)
    return layers.Add(name=f"{name}_add")([x, h]) if h.shape == x.shape else h


def _conv(
    x: keras.KerasTensor, name: str, filters: int, size: int = 1, stride: int = 1
) -> keras.KerasTensor:
    made = layers.Conv2D(filters, size, stride, "same", activation="relu6", name=name)
    return made(x)


def _depthwise(x: keras.KerasTensor, name: str, stride: int) -> keras.KerasTensor:
    return layers.DepthwiseConv2D(3, stride, "same", activation="relu6", name=name)(x)


def _classifier(image: keras.KerasTensor, x: keras.KerasTensor, name: str) -> keras.Model:
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(CLASSES, name="Logits")(x), name=name)
