"""Image classifiers after keras.io's examples: patches as tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from designs.design import CLASSES, Design, Pair, ended

SIDE, PATCH, WIDTH = 24, 6, 16
TOKENS = (SIDE // PATCH) ** 2


@keras.saving.register_keras_serializable("designs")
class Positions(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Adds a learned vector to each place, as the examples' PatchEncoder does."""

    def build(self, shape: Any) -> None:
        """Makes the table of vectors."""
        self.table = layers.Embedding(shape[1], shape[2])
        self.table.build(None)

    def call(self, x: Any) -> Any:
        """[B, N, C] to the same shape."""
        return x + self.table(ops.arange(x.shape[1]))


def _patches() -> tuple[Any, Any]:
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(WIDTH, PATCH, strides=PATCH)(x)
    return x, layers.Reshape((TOKENS, WIDTH))(h)


def _mlp(x: Any, width: int, out: int) -> Any:
    h = layers.Dropout(0.1)(layers.Dense(width, activation="gelu")(x))
    return layers.Dense(out)(h)


def _encoder(x: Any, heads: int = 2) -> Any:
    h = layers.LayerNormalization(epsilon=1e-6)(x)
    h = layers.MultiHeadAttention(heads, WIDTH // heads, dropout=0.1)(h, h)
    x = layers.Add()([h, x])
    return layers.Add()([_mlp(layers.LayerNormalization(epsilon=1e-6)(x), 32, WIDTH), x])


def vision_transformer() -> Pair:
    """`image_classification_with_vision_transformer`: patches cut by operations, flattened."""
    x = keras.Input((SIDE, SIDE, 3))
    h = ops.image.extract_patches(x, PATCH)
    h = layers.Dense(WIDTH)(layers.Reshape((TOKENS, 3 * PATCH**2))(h))
    h = Positions()(h)
    for _ in range(2):
        h = _encoder(h)
    h = layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(h))
    return ended(x, layers.Dense(CLASSES)(_mlp(h, 32, 16)))


def compact_transformer() -> Pair:
    """`cct`: a convolutional tokenizer and pooling by an attention over places."""
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(WIDTH, 3, padding="same", activation="relu", use_bias=False)(x)
    h = layers.MaxPooling2D(3, 4, "same")(h)
    h = Positions()(layers.Reshape((36, WIDTH))(h))
    h = _encoder(_encoder(h))
    h = layers.LayerNormalization(epsilon=1e-5)(h)
    weights = layers.Softmax(axis=1)(layers.Dense(1)(h))
    pooled = layers.Flatten()(layers.Dot(1)([weights, h]))
    return ended(x, layers.Dense(CLASSES)(pooled))


def mlp_mixer() -> Pair:
    """`mlp_image_classification`, MLP-Mixer."""
    x, h = _patches()
    for _ in range(2):
        tokens = layers.Permute((2, 1))(layers.LayerNormalization()(h))
        h = layers.Add()([h, layers.Permute((2, 1))(_mlp(tokens, 32, TOKENS))])
        h = layers.Add()([h, _mlp(layers.LayerNormalization()(h), 32, WIDTH)])
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(h)))


def gated_mlp() -> Pair:
    """`mlp_image_classification`, gMLP: half of the channels gate the other half."""
    x, h = _patches()
    for _ in range(2):
        u = layers.Dense(2 * WIDTH, activation="gelu")(layers.LayerNormalization()(h))
        u, gate = ops.split(u, 2, axis=-1)
        gate = layers.Permute((2, 1))(layers.LayerNormalization()(gate))
        gate = layers.Permute((2, 1))(layers.Dense(TOKENS, bias_initializer="ones")(gate))
        h = layers.Add()([h, layers.Dense(WIDTH)(layers.Multiply()([u, gate]))])
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(h)))


def fourier_net() -> Pair:
    """`mlp_image_classification`, FNet: tokens mixed by the real part of a Fourier transform."""
    x, h = _patches()
    for _ in range(2):
        real, _ = ops.fft2((h, ops.zeros_like(h)))
        h = layers.LayerNormalization()(layers.Add()([h, real]))
        h = layers.LayerNormalization()(layers.Add()([h, _mlp(h, 32, WIDTH)]))
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(h)))


def shift_vit() -> Pair:
    """`shiftvit`: channels moved by one place instead of attention."""
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(WIDTH, 4, strides=4)(x)
    for _ in range(2):
        up, down, rest = h[..., :2], h[..., 2:4], h[..., 4:]
        up = layers.Cropping2D(((1, 0), (0, 0)))(layers.ZeroPadding2D(((0, 1), (0, 0)))(up))
        down = layers.Cropping2D(((0, 1), (0, 0)))(layers.ZeroPadding2D(((1, 0), (0, 0)))(down))
        h = layers.Concatenate()([up, down, rest])
        h = layers.Add()([h, _mlp(layers.LayerNormalization(epsilon=1e-5)(h), 32, WIDTH)])
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(h)))


def _windows(x: Any, side: int) -> Any:
    rows, columns, width = x.shape[1:]
    h = ops.reshape(x, (-1, rows // side, side, columns // side, side, width))
    return ops.reshape(ops.transpose(h, (0, 1, 3, 2, 4, 5)), (-1, side * side, width))


def _joined(windows: Any, rows: int, side: int) -> Any:
    width = windows.shape[-1]
    h = ops.reshape(windows, (-1, rows // side, rows // side, side, side, width))
    return ops.reshape(ops.transpose(h, (0, 1, 3, 2, 4, 5)), (-1, rows, rows, width))


def swin() -> Pair:
    """`swin_transformers`: attention in windows, every second one rolled."""
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(WIDTH, 3, strides=3)(x)
    rows = SIDE // 3
    for shift in (0, 2):
        rolled = ops.roll(h, (-shift, -shift), axis=(1, 2)) if shift else h
        tokens = _windows(layers.LayerNormalization()(rolled), 4)
        tokens = layers.MultiHeadAttention(2, 8)(tokens, tokens)
        back = _joined(tokens, rows, 4)
        back = ops.roll(back, (shift, shift), axis=(1, 2)) if shift else back
        h = layers.Add()([h, back])
        h = layers.Add()([h, _mlp(layers.LayerNormalization()(h), 32, WIDTH)])
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(h)))


DESIGNS = (
    Design("ViT", vision_transformer, cam=None),
    Design("compact convolutional transformer", compact_transformer),
    Design("MLP-Mixer", mlp_mixer),
    Design("gMLP", gated_mlp),
    Design("FNet", fourier_net),
    Design("ShiftViT", shift_vit),
    Design("Swin", swin),
)
