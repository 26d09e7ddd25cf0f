"""The models of the coverage page: published architectures and wirings that people have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from tf_fragile.models import zoo

CLASSES = 10


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and the range of its inputs.

    Attributes:
      model: with random weights.
      low: the smallest value of an input.
      high: the largest.
    """

    model: keras.Model
    low: float
    high: float

    def inputs(self, batch: int, seed: int) -> Any:
        """Uniform noise [batch, ...] in the model's nesting."""
        rng = np.random.default_rng(seed)

        def noise(spec: Any) -> np.ndarray:
            return rng.uniform(self.low, self.high, (batch, *spec.shape[1:])).astype("float32")

        # A Sequential knows its inputs only as a list.
        sequential = isinstance(self.model, keras.Sequential)
        specs = self.model.inputs[0] if sequential else self.model.input
        return keras.tree.map_structure(noise, specs)


Build = Callable[[], keras.Model]


def _application(name: str, side: int = 64) -> keras.Model:
    build = getattr(keras.applications, name)
    shape = (side, side, 3)
    return build(weights=None, input_shape=shape, classes=CLASSES, classifier_activation=None)


def _transfer() -> keras.Model:
    """A network without its top, nested, behind a rescaling and under a new head."""
    body = keras.applications.MobileNetV2(weights=None, input_shape=(64, 64, 3), include_top=False)
    x = keras.Input((64, 64, 3))
    h = layers.GlobalAveragePooling2D()(body(layers.Rescaling(2.0)(x)))
    h = layers.Dropout(0.2)(layers.Dense(32, activation="relu")(h))
    return keras.Model(x, layers.Dense(CLASSES, activation="softmax")(h))


def _two_inputs() -> keras.Model:
    image, row = keras.Input((32, 32, 3), name="image"), keras.Input((6,), name="row")
    h = layers.Conv2D(8, 3, activation="relu")(image)
    h = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(h))
    h = layers.Concatenate()([h, layers.Dense(8, activation="relu")(row)])
    h = layers.Dense(16, activation="relu")(h)
    return keras.Model({"image": image, "row": row}, layers.Dense(CLASSES)(h))


def _tabular() -> keras.Model:
    stack = [keras.Input((12,)), layers.Dense(32, activation="relu"), layers.BatchNormalization()]
    stack += [layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")]
    return keras.Sequential(stack)


def _series() -> keras.Model:
    """A 1-D convolutional network with a dilated layer."""
    stack = [keras.Input((128, 2)), layers.Conv1D(8, 7, strides=2, activation="relu")]
    stack += [layers.MaxPooling1D(2), layers.Conv1D(16, 5, dilation_rate=2), layers.ReLU()]
    stack += [layers.AveragePooling1D(2), layers.Flatten(), layers.Dense(CLASSES)]
    return keras.Sequential(stack)


# How each is built, and the range of inputs that it expects.
SUBJECTS: dict[str, tuple[Build, float, float]] = {
    "VGG16": (partial(_application, "VGG16"), -128, 128),
    "ResNet50": (partial(_application, "ResNet50"), -128, 128),
    "ResNet50V2": (partial(_application, "ResNet50V2"), -1, 1),
    "InceptionV3": (partial(_application, "InceptionV3", 80), -1, 1),
    "DenseNet121": (partial(_application, "DenseNet121"), -2, 2),
    "MobileNetV2": (partial(_application, "MobileNetV2"), -1, 1),
    "EfficientNetB0": (partial(_application, "EfficientNetB0"), 0, 255),
    "ConvNeXtTiny": (partial(_application, "ConvNeXtTiny"), 0, 255),
    "SqueezeNet": (partial(zoo.load, "squeezenet_v1.0", weights="random"), -128, 128),
    "nested transfer": (_transfer, -1, 1),
    "two inputs": (_two_inputs, -1, 1),
    "tabular MLP": (_tabular, -2, 2),
    "1-D conv net": (_series, -2, 2),
}


def make_subject(name: str) -> Subject:
    """A subject with fresh kernels, zero biases and batch norms that do something, seeded.

    Biases and moving means stay zero, so that sums of relevance are kept by whatever theory says
    keeps them. Moving variances fit the noise, or deep networks would fade out.
    """
    keras.utils.set_random_seed(0)
    build, low, high = SUBJECTS[name]
    subject = Subject(build(), low, high)
    norms = list(_batch_norms(subject.model))
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    subject.model(subject.inputs(16, 3), training=True)
    rng = np.random.default_rng(0)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.moving_mean.assign(np.zeros(norm.moving_mean.shape))
        if norm.gamma is not None:
            norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
    return subject


def _batch_norms(model: keras.Model) -> Iterator[keras.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _batch_norms(layer)
        elif isinstance(layer, layers.BatchNormalization):
            yield layer
