"""The small network for the embedded data, shipped trained."""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers

INPUT_SHAPE = (64, 64, 3)
CLASSES = 10
WEIGHTS = Path(__file__).with_name("embedded_weights.npz")


def build_embedded() -> keras.Model:
    """Four convolutions, each with batch normalisation and a stand-alone ReLU layer.

    Returns:
      A functional model of 51 k parameters from `[B, 64, 64, 3]` in [-0.5, 0.5] to `[B, 10]`
      logits; the last feature map, `relu4`, is 8x8.
    """
    image = keras.Input(INPUT_SHAPE, name="image")
    x = image
    for i, (filters, size, strides) in enumerate(
        [(24, 5, 2), (32, 3, 1), (48, 3, 2), (64, 3, 2)], start=1
    ):
        x = layers.Conv2D(
            filters, size, strides=strides, padding="same", use_bias=False, name=f"conv{i}"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"bn{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, logits, name="embedded")
