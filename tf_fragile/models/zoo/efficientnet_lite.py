"""EfficientNet-Lite0 (Tan and Le 2019, arXiv 1905.11946, without squeeze-and-excitation)."""

from __future__ import annotations

import keras
from keras import layers

from tf_fragile.models.zoo.image import SIDE, image_input

INPUT_SHAPE = (SIDE, SIDE, 3)
CLASSES = 1000

# What the public weights call the variables of a batch norm, and what Keras does.
STORED_AS = {"mean": "moving_mean", "variance": "moving_variance"}

_EPSILON = 1e-3
# Kernel size, stride of the first, expansion, width and repeats of each group of blocks.
_BLOCKS = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def build_efficientnet_lite0(*, side: int = SIDE) -> keras.Model:
    """Builds EfficientNet-Lite0 with fresh weights.

    Batch norms stay layers of their own: in the published weights some of their channels have a
    variance of exactly 0. Dropout, which does nothing outside training, is left out.

    Args:
      side: of the input in pixels; the published weights were trained at 224.

    Returns:
      A functional model from `[B, side, side, 3]` (RGB in [-1, 1]) to `[B, 1000]` logits; layers
      are named like `b3_dw`, its batch norm `b3_dw_bn` and its ReLU `b3_dw_relu`.

    Raises:
      InputError: if the side is below 32.
    """
    image = image_input(side)
    x = _normed(layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem"), image)
    index = 0
    for size, first_stride, expansion, width, repeats in _BLOCKS:
        for repeat in range(repeats):
            stride = 1 if repeat else first_stride
            x = _block(x, f"b{index}", size, stride, expansion, width)
            index += 1
    x = _normed(layers.Conv2D(1280, 1, use_bias=False, name="head"), x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(CLASSES, name="fc")(x)
    return keras.Model(image, logits, name="efficientnet_lite0")


def _block(
    x: keras.KerasTensor, name: str, size: int, stride: int, expansion: int, width: int
) -> keras.KerasTensor:
    h = x
    if expansion > 1:
        filters = expansion * x.shape[-1]
        expand = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_expand")
        h = _normed(expand, h)
    depthwise = layers.DepthwiseConv2D(size, stride, "same", use_bias=False, name=f"{name}_dw")
    h = _normed(depthwise, h)
    project = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_project")
    h = _normed(project, h, relu=False)
    return layers.Add(name=f"{name}_add")([x, h]) if h.shape == x.shape else h


def _normed(layer: keras.Layer, x: keras.KerasTensor, *, relu: bool = True) -> keras.KerasTensor:
    """The layer, its batch norm and, unless it is a linear bottleneck, a ReLU6."""
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{layer.name}_bn")(layer(x))
    return layers.ReLU(6.0, name=f"{layer.name}_relu")(x) if relu else x
