"""Image classifiers after keras.io's examples: convolutional ones."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from designs.design import CLASSES, Design, Pair, ended

SIDE = (24, 24, 3)


def mnist_convnet() -> Pair:
    """`mnist_convnet`."""
    x = keras.Input((28, 28, 1))
    h = layers.MaxPooling2D(2)(layers.Conv2D(8, 3, activation="relu")(x))
    h = layers.MaxPooling2D(2, name="last")(layers.Conv2D(16, 3, activation="relu")(h))
    return ended(x, layers.Dense(CLASSES)(layers.Dropout(0.5)(layers.Flatten()(h))))


def augmented_xception() -> Pair:
    """`image_classification_from_scratch`: augmentation inside, residual separable blocks."""
    x = keras.Input(SIDE)
    h = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(x))
    h = layers.Rescaling(1 / 2, 0.25)(h)
    h = layers.Conv2D(8, 3, strides=2, padding="same")(h)
    h = before = layers.Activation("relu")(layers.BatchNormalization()(h))
    for width in (12, 16):
        for _ in range(2):
            h = layers.SeparableConv2D(width, 3, padding="same")(layers.Activation("relu")(h))
            h = layers.BatchNormalization()(h)
        h = layers.MaxPooling2D(3, strides=2, padding="same")(h)
        h = before = layers.add([h, layers.Conv2D(width, 1, strides=2, padding="same")(before)])
    h = layers.BatchNormalization()(layers.SeparableConv2D(24, 3, padding="same")(h))
    h = layers.Activation("relu", name="last")(h)
    h = layers.Dropout(0.25)(layers.GlobalAveragePooling2D()(h))
    return ended(x, layers.Dense(1)(h), "sigmoid")


def _gelu_norm(x: Any) -> Any:
    return layers.BatchNormalization()(layers.Activation("gelu")(x))


def conv_mixer() -> Pair:
    """`convmixer`."""
    x = keras.Input(SIDE)
    h = _gelu_norm(layers.Conv2D(16, 4, strides=4)(x))
    for _ in range(2):
        h = layers.Add()([_gelu_norm(layers.DepthwiseConv2D(3, padding="same")(h)), h])
        h = _gelu_norm(layers.Conv2D(16, 1)(h))
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(h)))


def _squeezed(x: Any, width: int) -> Any:
    share = layers.GlobalAveragePooling2D(keepdims=True)(x)
    share = layers.Dense(width // 4, activation="relu")(share)
    return layers.Multiply()([x, layers.Dense(width, activation="sigmoid")(share)])


def squeeze_excite_net() -> Pair:
    """Squeeze-and-excite residual blocks."""
    x = keras.Input(SIDE)
    h = layers.Conv2D(16, 3, strides=2, padding="same")(x)
    for _ in range(2):
        branch = layers.Conv2D(16, 3, padding="same", activation="relu")(h)
        branch = layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(branch))
        h = layers.ReLU()(layers.Add()([h, _squeezed(branch, 16)]))
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(h)))


def unet_classifier() -> Pair:
    """`oxford_pets_image_segmentation`'s U-Net, pooled over places to one class."""
    x = keras.Input(SIDE)
    skips, h = [], layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    for width in (8, 16):
        h = layers.Conv2D(width, 3, padding="same", activation="relu")(h)
        skips.append(h)
        h = layers.MaxPooling2D(2)(h)
    for width, skip in zip((16, 8), reversed(skips), strict=True):
        h = layers.Conv2DTranspose(width, 3, padding="same", activation="relu")(h)
        h = layers.Concatenate()([layers.UpSampling2D(2)(h), skip])
    h = layers.Conv2D(CLASSES, 3, padding="same", name="last")(h)
    return ended(x, layers.GlobalAveragePooling2D()(h))


def autoencoder_classifier() -> Pair:
    """`autoencoder`: reconstructed by transposed convolutions, then classified."""
    x = keras.Input((24, 24, 1))
    h = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
    h = layers.MaxPooling2D(2, padding="same")(h)
    for _ in range(2):
        h = layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(h)
    h = layers.Conv2D(1, 3, activation="sigmoid", padding="same")(h)
    h = layers.Conv2D(8, 5, strides=2, activation="relu", name="last")(h)
    return ended(x, layers.Dense(CLASSES)(layers.Flatten()(h)))


def mc_dropout() -> Pair:
    """Dropout left on, to sample from: no function of its input."""
    x = keras.Input(SIDE)
    h = layers.Conv2D(8, 3, activation="relu")(x)
    h = layers.Dropout(0.5)(layers.Flatten()(h), training=True)
    return ended(x, layers.Dense(CLASSES)(h))


def ensemble() -> Pair:
    """Probabilities of two networks, averaged: no logits in front of one head."""
    x = keras.Input(SIDE)

    def member(width: int) -> Any:
        h = layers.Conv2D(width, 3, activation="relu")(x)
        return layers.Dense(CLASSES, activation="softmax")(layers.GlobalMaxPooling2D()(h))

    model = keras.Model(x, layers.Average()([member(8), member(12)]))
    return Pair(model, model)


def logit_ensemble() -> Pair:
    """Two nested networks, their logits averaged, and one softmax."""
    x = keras.Input(SIDE)

    def member(width: int) -> keras.Model:
        stack = [keras.Input(SIDE), layers.Conv2D(width, 3, strides=2), layers.LeakyReLU(0.2)]
        stack += [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES)]
        return keras.Sequential(stack, name=f"member_{width}")

    return ended(x, layers.Average()([member(8)(x), member(12)(x)]))


def mixed_precision() -> Pair:
    """A residual network under mixed_float16, its head in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        x = keras.Input(SIDE)
        h = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
        branch = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(h))
        h = layers.ReLU(name="last")(layers.Add()([h, branch]))
        return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(h)))
    finally:
        keras.config.set_dtype_policy(before)


@keras.saving.register_keras_serializable("designs")
class Involution(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """`involution`: a kernel made from each place's own channels, by a layer of one's own."""

    def build(self, shape: Any) -> None:
        """Makes the two convolutions that make kernels."""
        self.reduce = layers.Conv2D(4, 1, activation="relu")
        self.span = layers.Conv2D(9, 1)
        self.reduce.build(shape)
        self.span.build((*shape[:-1], 4))

    def call(self, x: Any) -> Any:
        """[B, H, W, C] to the same shape."""
        kernel = ops.expand_dims(self.span(self.reduce(x)), -1)
        patches = ops.image.extract_patches(x, 3, strides=1, padding="same")
        patches = ops.reshape(patches, (-1, *x.shape[1:3], 9, x.shape[-1]))
        return ops.sum(kernel * patches, axis=3)


def involution_net() -> Pair:
    """`involution`."""
    x = keras.Input(SIDE)
    h = layers.MaxPooling2D(2)(layers.ReLU()(Involution()(x)))
    h = layers.ReLU()(Involution()(h))
    h = layers.Dense(16, activation="relu")(layers.Flatten()(h))
    return ended(x, layers.Dense(CLASSES)(h))


DESIGNS = (
    Design("MNIST convnet", mnist_convnet, 0, 1, cam="last"),
    Design("small Xception, augmentation inside", augmented_xception, cam="last"),
    Design("ConvMixer", conv_mixer),
    Design("squeeze-and-excite", squeeze_excite_net),
    Design("U-Net, pooled", unet_classifier, cam="last"),
    Design("autoencoder, classified", autoencoder_classifier, 0, 1, cam="last"),
    Design("Monte Carlo dropout", mc_dropout, refuse="dropout is left on"),
    Design("ensemble of probabilities", ensemble, refuse="an average of softmaxes has no logits"),
    Design("ensemble of logits", logit_ensemble, cam=None),
    Design("residual net, mixed_float16", mixed_precision, cam="last"),
    Design("involution", involution_net),
)
