"""The CIFAR-10 networks of two papers, with linear logits in place of their softmax."""

from __future__ import annotations

import keras
from keras import layers

from tf_fragile.errors import InputError

INPUT_SHAPE = (32, 32, 3)
CLASSES = 10


def build_cifar10_fragility(*, width: float = 1.0, activation: str = "relu") -> keras.Model:
    """The network of Ghorbani et al. (2019), appendix A: six convolutions, two dense layers.

    Args:
      width: factor on the number of channels and hidden units; 1 is the paper's 13.6 M
        parameters.
      activation: of every hidden layer; `"softplus"` for the paper's Hessian experiment.

    Returns:
      A functional model from `[B, 32, 32, 3]` (0..255 minus the mean) to `[B, 10]` logits.

    Raises:
      InputError: if the width is not above 0.
    """
    if not 0 < width < float("inf"):
        raise InputError(f"The width factor is {width}; give a number above 0, such as 0.25.")

    def scaled(units: int) -> int:
        return max(1, round(units * width))

    image = keras.Input(INPUT_SHAPE, name="image")
    x = image
    for i, (filters, strides) in enumerate(
        [(96, 1), (96, 1), (96, 2), (192, 1), (192, 1), (192, 2)], start=1
    ):
        x = layers.Conv2D(
            scaled(filters),
            3,
            strides=strides,
            padding="same",
            activation=activation,
            name=f"conv{i}",
        )(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(scaled(1024), activation=activation, name="fc7")(x)
    logits = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, logits, name="cifar10_fragility")


def build_cifar10_modified_bp() -> keras.Model:
    """The network of Sixt et al. (2020), appendix D: four convolutions, two dense layers.

    Returns:
      A functional model from `[B, 32, 32, 3]` in [0, 1] to `[B, 10]` logits.
    """
    image = keras.Input(INPUT_SHAPE, name="image")
    x = image
    for i, filters in enumerate((32, 64, 128, 128), start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{i}")(x)
        if i % 2 == 0:
            x = layers.MaxPooling2D(2, name=f"pool{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(0.5, name="dropout4")(x)
    x = layers.Dense(1024, activation="relu", name="fc5")(x)
    x = layers.Dropout(0.5, name="dropout5")(x)
    logits = layers.Dense(CLASSES, name="fc6")(x)
    return keras.Model(image, logits, name="cifar10_modified_bp")
