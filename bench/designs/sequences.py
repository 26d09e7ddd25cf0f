"""Texts, time series and videos after keras.io's examples."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from designs.design import CLASSES, Design, Pair, ended

LENGTH, WIDTH = 16, 8


def series_fcn() -> Pair:
    """`timeseries_classification_from_scratch`."""
    x = keras.Input((64, 1))
    h = x
    for _ in range(3):
        h = layers.Conv1D(8, 3, padding="same")(h)
        h = layers.ReLU()(layers.BatchNormalization()(h))
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(h)))


def series_resnet() -> Pair:
    """A 1-D residual network with dilation and causal padding."""
    x = keras.Input((64, 2))
    h = layers.Conv1D(8, 1)(x)
    for rate in (1, 2, 4):
        branch = layers.Conv1D(8, 3, padding="causal", dilation_rate=rate, activation="relu")(h)
        branch = layers.SpatialDropout1D(0.1)(layers.Conv1D(8, 1)(branch))
        h = layers.ReLU()(layers.Add()([h, branch]))
    return ended(x, layers.Dense(CLASSES)(h[:, -1]))


def series_transformer() -> Pair:
    """`timeseries_classification_transformer`."""
    x = keras.Input((32, 1))
    h = x
    for _ in range(2):
        a = layers.MultiHeadAttention(2, 8, dropout=0.1)(h, h)
        a = layers.LayerNormalization(epsilon=1e-6)(layers.Dropout(0.1)(a)) + h
        b = layers.Conv1D(4, 1, activation="relu")(a)
        h = layers.LayerNormalization(epsilon=1e-6)(layers.Conv1D(1, 1)(b)) + a
    h = layers.GlobalAveragePooling1D(data_format="channels_last")(layers.Dense(4)(h))
    return ended(x, layers.Dense(CLASSES)(layers.Dense(8, activation="relu")(h)))


def bidirectional_lstm() -> Pair:
    """`bidirectional_lstm_imdb`, behind its Embedding."""
    x = keras.Input((LENGTH, WIDTH), name="embedded")
    h = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(x)
    h = layers.Bidirectional(layers.LSTM(8))(h)
    return ended(x, layers.Dense(1)(h), "sigmoid")


def lstm_on_tokens() -> Pair:
    """`bidirectional_lstm_imdb` on token ids, which have no derivative."""
    x = keras.Input((None,), dtype="int32", name="tokens")
    h = layers.Bidirectional(layers.LSTM(8))(layers.Embedding(20, WIDTH)(x))
    return ended(x, layers.Dense(1)(h), "sigmoid")


@keras.saving.register_keras_serializable("designs")
class TransformerBlock(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """`text_classification_with_transformer`'s block: a layer of layers."""

    def __init__(self, width: int = WIDTH, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, width)
        self.mlp = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(width)])
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
        self.drop = layers.Dropout(0.1)

    def build(self, shape: Any) -> None:
        """Builds the parts."""
        self.attention.build(shape, shape)
        self.mlp.build(shape)
        for norm in self.norms:
            norm.build(shape)

    def call(self, x: Any, training: bool = False) -> Any:
        """[B, T, C] to the same shape."""
        h = self.norms[0](x + self.drop(self.attention(x, x), training=training))
        return self.norms[1](h + self.drop(self.mlp(h), training=training))


@keras.saving.register_keras_serializable("designs")
class TokenAndPosition(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """`text_classification_with_transformer`'s embedding."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tokens = layers.Embedding(20, WIDTH)
        self.places = layers.Embedding(LENGTH, WIDTH)

    def build(self, shape: Any) -> None:
        """Builds the tables."""
        self.tokens.build(shape)
        self.places.build((LENGTH,))

    def call(self, x: Any) -> Any:
        """Token ids [B, T] to vectors [B, T, C]."""
        return self.tokens(x) + self.places(ops.arange(x.shape[-1]))


def _text_end(h: Any) -> Any:
    h = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(TransformerBlock()(h)))
    return layers.Dense(2)(layers.Dense(8, activation="relu")(h))


def text_transformer() -> Pair:
    """`text_classification_with_transformer`, behind its embeddings."""
    x = keras.Input((LENGTH, WIDTH), name="embedded")
    return ended(x, _text_end(x))


def transformer_on_tokens() -> Pair:
    """`text_classification_with_transformer` on token ids."""
    x = keras.Input((LENGTH,), dtype="int32", name="tokens")
    return ended(x, _text_end(TokenAndPosition()(x)))


def text_cnn() -> Pair:
    """`text_classification_from_scratch`, behind its Embedding."""
    x = keras.Input((48, WIDTH), name="embedded")
    h = layers.Conv1D(16, 7, strides=3, activation="relu")(layers.Dropout(0.5)(x))
    h = layers.Conv1D(16, 7, strides=3, activation="relu")(h)
    h = layers.Dense(16, activation="relu")(layers.GlobalMaxPooling1D()(h))
    return ended(x, layers.Dense(1)(h), "sigmoid")


def masked_gru() -> Pair:
    """Padding steps left out by a Masking layer."""
    x = keras.Input((LENGTH, WIDTH))
    h = layers.GRU(8, return_sequences=True)(layers.Masking(0.0)(x))
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(h)))


def convnet_3d() -> Pair:
    """`3D_image_classification`."""
    x = keras.Input((12, 12, 12, 1))
    h = x
    for width in (4, 8):
        h = layers.Conv3D(width, 3, activation="relu", padding="same")(h)
        h = layers.BatchNormalization()(layers.MaxPool3D(2)(h))
    h = layers.Dense(16, activation="relu")(layers.GlobalAveragePooling3D()(h))
    return ended(x, layers.Dense(1)(layers.Dropout(0.3)(h)), "sigmoid")


def conv_lstm() -> Pair:
    """`conv_lstm`, its last state classified."""
    x = keras.Input((4, 8, 8, 1))
    h = layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True, activation="relu")(x)
    h = layers.ConvLSTM2D(4, 3, padding="same")(layers.BatchNormalization()(h))
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(h)))


def video_cnn_gru() -> Pair:
    """`video_classification`: a convolutional network at each time, then GRUs."""
    stack = [keras.Input((12, 12, 3)), layers.Conv2D(8, 3, activation="relu")]
    stack += [layers.MaxPooling2D(2), layers.Conv2D(8, 3, activation="relu")]
    frame = keras.Sequential([*stack, layers.GlobalAveragePooling2D()])
    x = keras.Input((4, 12, 12, 3))
    h = layers.GRU(8, return_sequences=True)(layers.TimeDistributed(frame)(x))
    h = layers.Dropout(0.4)(layers.GRU(4)(h))
    return ended(x, layers.Dense(CLASSES)(layers.Dense(8, activation="relu")(h)))


def video_transformer() -> Pair:
    """`vivit`: tubelets by a 3-D convolution, then encoders."""
    x = keras.Input((4, 12, 12, 1))
    h = layers.Reshape((-1, WIDTH))(layers.Conv3D(WIDTH, (2, 4, 4), strides=(2, 4, 4))(x))
    for _ in range(2):
        a = layers.LayerNormalization(epsilon=1e-6)(h)
        h = layers.Add()([layers.MultiHeadAttention(2, 4)(a, a), h])
        b = layers.Dense(16, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(h))
        h = layers.Add()([layers.Dense(WIDTH, activation="gelu")(b), h])
    h = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(h))
    return ended(x, layers.Dense(CLASSES)(h))


TOKENS = "token ids have no derivative"
DESIGNS = (
    Design("time series FCN", series_fcn, -2, 2),
    Design("time series residual, causal", series_resnet, -2, 2),
    Design("time series transformer", series_transformer, -2, 2),
    Design("bidirectional LSTM, embedded text", bidirectional_lstm),
    Design("bidirectional LSTM, token ids", lstm_on_tokens, refuse=TOKENS),
    Design("text transformer, embedded text", text_transformer),
    Design("text transformer, token ids", transformer_on_tokens, refuse=TOKENS),
    Design("text CNN, embedded text", text_cnn),
    Design("masked GRU", masked_gru),
    Design("3-D CNN", convnet_3d, 0, 1),
    Design("ConvLSTM", conv_lstm, 0, 1),
    Design("video: CNN at each time and GRU", video_cnn_gru),
    Design("video transformer", video_transformer, 0, 1),
)
