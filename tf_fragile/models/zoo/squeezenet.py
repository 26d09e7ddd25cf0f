"""SqueezeNet v1.0 (Iandola et al. 2016, arXiv 1602.07360) for 227x227 images."""

from __future__ import annotations

import keras
from keras import layers

INPUT_SHAPE = (227, 227, 3)
CLASSES = 1000

# Squeeze width and the width of each of the two expand halves.
FIRES = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}
_POOL_AFTER = ("fire4", "fire8")


def kernel_shapes() -> dict[str, tuple[int, int, int, int]]:
    """The kernel shape `(kh, kw, cin, cout)` of every layer, by `fire2/squeeze1x1`-like names.

    The order is that of the network, which is also the order of the public weight files.
    """
    shapes = {"conv1": (7, 7, 3, 96)}
    channels = 96
    for fire, (squeeze, expand) in FIRES.items():
        shapes[f"{fire}/squeeze1x1"] = (1, 1, channels, squeeze)
        shapes[f"{fire}/expand1x1"] = (1, 1, squeeze, expand)
        shapes[f"{fire}/expand3x3"] = (3, 3, squeeze, expand)
        channels = 2 * expand
    shapes["conv10"] = (1, 1, channels, CLASSES)
    return shapes


def build_squeezenet() -> keras.Model:
    """Builds SqueezeNet v1.0 with fresh weights.

    Dropout before `conv10`, which does nothing outside training, is left out.

    Returns:
      A functional model from `[B, 227, 227, 3]` (BGR minus the mean) to `[B, 1000]` logits,
      the spatial averages of `conv10`; layers are named like `fire2_squeeze1x1`.
    """
    image = keras.Input(INPUT_SHAPE, name="image")
    x = layers.Conv2D(96, 7, strides=2, activation="relu", name="conv1")(image)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    for fire, (squeeze, expand) in FIRES.items():
        x = _fire(x, fire, squeeze, expand)
        if fire in _POOL_AFTER:
            x = layers.MaxPooling2D(3, 2, name=f"pool{fire[-1]}")(x)
    # The published layer pads a 1x1 convolution, so its border is ReLU(bias).
    x = layers.ZeroPadding2D(1, name="pad10")(x)
    x = layers.Conv2D(CLASSES, 1, activation="relu", name="conv10")(x)
    logits = layers.GlobalAveragePooling2D(name="logits")(x)
    return keras.Model(image, logits, name="squeezenet_v1.0")


def _fire(x: keras.KerasTensor, name: str, squeeze: int, expand: int) -> keras.KerasTensor:
    x = layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    narrow = layers.Conv2D(expand, 1, activation="relu", name=f"{name}_expand1x1")(x)
    wide = layers.Conv2D(expand, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(x)
    return layers.Concatenate(name=f"{name}_concat")([narrow, wide])
