"""The MNIST networks of Adebayo et al., "Sanity Checks for Saliency Maps" (2018)."""

from __future__ import annotations

import keras
from keras import layers

INPUT_SHAPE = (28, 28, 1)
CLASSES = 10


def build_mnist_cnn() -> keras.Model:
    """Two 5x5 convolutions with max pooling and two dense layers.

    Returns:
      A functional model from `[B, 28, 28, 1]` in [0, 1] to `[B, 10]` logits.
    """
    image = keras.Input(INPUT_SHAPE, name="image")
    x = layers.Conv2D(32, 5, padding="same", activation="relu", name="hidden1")(image)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(64, 5, padding="same", activation="relu", name="hidden2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(1024, activation="relu", name="fc1")(x)
    logits = layers.Dense(CLASSES, name="softmax_linear")(x)
    return keras.Model(image, logits, name="mnist_cnn")


def build_mnist_mlp() -> keras.Model:
    """Three dense hidden layers of 2500, 1500 and 500 units.

    Returns:
      A functional model from `[B, 28, 28, 1]` in [0, 1] to `[B, 10]` logits.
    """
    image = keras.Input(INPUT_SHAPE, name="image")
    x = layers.Flatten(name="flatten")(image)
    for i, units in enumerate((2500, 1500, 500), start=1):
        x = layers.Dense(units, activation="relu", name=f"hidden{i}")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, logits, name="mnist_mlp")
