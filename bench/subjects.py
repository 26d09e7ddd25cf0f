"""The models of the coverage page: published architectures and wirings that people have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from tf_fragile.data import PREPROCESSINGS, Reading, Source, open_source
from tf_fragile.models import zoo

CLASSES = 10


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and what it is given.

    Attributes:
      model: what is explained.
      low: the smallest value of an input.
      high: the largest.
      source: where its inputs come from; noise where `None`.
    """

    model: keras.Model
    low: float
    high: float
    source: Source | None = None

    def inputs(self, batch: int, seed: int) -> Any:
        """Images of the source, or uniform noise, [batch, ...] in the model's nesting."""
        rng = np.random.default_rng(seed)
        if self.source is not None:
            return self.source.load(rng.choice(len(self.source), batch, replace=False)).image

        def noise(spec: Any) -> np.ndarray:
            return rng.uniform(self.low, self.high, (batch, *spec.shape[1:])).astype("float32")

        # A Sequential knows its inputs only as a list.
        sequential = isinstance(self.model, keras.Sequential)
        specs = self.model.inputs[0] if sequential else self.model.input
        return keras.tree.map_structure(noise, specs)


Build = Callable[[], keras.Model]
Make = Callable[[], Subject]


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
_RANDOM: dict[str, tuple[Build, float, float]] = {
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


# Those with batch norms, which get offsets in a second round.
_OFFSETS = (
    *("ResNet50", "ResNet50V2", "InceptionV3", "DenseNet121", "MobileNetV2", "EfficientNetB0"),
    *("nested transfer", "tabular MLP"),
)

# The files of weights by the zoo's names.
_TRAINED = {
    "efficientnet_lite0": "efficientnet_lite0_imagenet.npz",
    "mobilenet_v1": "mobilenet_v1_1.0_224_imagenet.npz",
    "mobilenet_v2": "mobilenet_v2_1.0_224_imagenet.npz",
}


@dataclass(frozen=True)
class Group:
    """Subjects of one kind.

    Attributes:
      title: what they have in common.
      text: what a reader has to know about their numbers.
      subjects: how to make each, by name.
    """

    title: str
    text: str
    subjects: Mapping[str, Make]


def groups(data: str) -> list[Group]:
    """All subjects, by kind.

    Args:
      data: the folder of real images and weights; without one, trained networks are left out.
    """
    found = [
        Group(
            "Random weights, sums kept",
            "Fresh kernels, batch norms with random scales and variances that fit the noise. "
            "Biases and means are zero, so that nothing is absorbed that theory says is kept.",
            {name: partial(_random, *how) for name, how in _RANDOM.items()},
        ),
        Group(
            "Random weights, batch norms with offsets",
            "The same, but batch norms have random offsets, too, and the means of what reaches "
            "them, as trained ones do. Path methods and DeepLIFT have to be as complete as above. "
            "Relevance is not kept: a bias in a denominator takes its share $b/z$, and where it "
            "is left out, a unit that only its bias makes active has nobody to hand its relevance "
            "to. A gap is no error here; an arrow is a warning.",
            {f"{name} with offsets": partial(_random, *_RANDOM[name], True) for name in _OFFSETS},
        ),
    ]
    if data:
        trained = {name: partial(_trained, Path(data), name) for name in _TRAINED}
        text = (
            "The zoo's networks with public ImageNet weights, on photographs instead of noise. "
            "Biases and offsets take relevance, as above. Some batch norms of EfficientNet-Lite0 "
            "have channels whose variance is 0."
        )
        found.append(Group("Trained weights", text, trained))
    return found


def _trained(data: Path, name: str) -> Subject:
    """A network of the zoo with its weights, on the sample of ImageNet."""
    entry = zoo.entry(name)
    assert entry.input_shape is not None
    preprocessing = PREPROCESSINGS[str(entry.preprocessing)]
    source = open_source(
        f"folder:{data / 'imagenet_sample'}",
        preprocessing=preprocessing,
        image_shape=entry.input_shape,
        reading=Reading.evaluated(entry.short_side),
    )
    low, high = float(preprocessing.range.low), float(preprocessing.range.high)
    return Subject(zoo.load(name, weights=data / _TRAINED[name]), low, high, source)


def _random(build: Build, low: float, high: float, offsets: bool = False) -> Subject:
    """A subject with fresh kernels, zero biases and batch norms that do something, seeded.

    Without offsets, biases and moving means stay zero, so that sums of relevance are kept by
    whatever theory says keeps them. Moving variances fit the noise, or deep networks would fade
    out; with offsets, moving means do, too.
    """
    keras.utils.set_random_seed(0)
    subject = Subject(build(), low, high)
    norms = list(_batch_norms(subject.model))
    rng = np.random.default_rng(0)
    if offsets:  # before the fit, which is then to what the offsets make of the noise
        _randomise(norms, rng)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    subject.model(subject.inputs(16, 3), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    if not offsets:
        for norm in norms:
            norm.moving_mean.assign(np.zeros(norm.moving_mean.shape))
            if norm.gamma is not None:
                norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
    return subject


def _randomise(norms: Iterable[keras.Layer], rng: np.random.Generator) -> None:
    """Random scales around 1 and offsets around 0."""
    for norm in norms:
        if norm.gamma is not None:
            norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
        if norm.beta is not None:
            norm.beta.assign(rng.uniform(-0.5, 0.5, norm.beta.shape))


def _batch_norms(model: keras.Model) -> Iterator[keras.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _batch_norms(layer)
        elif isinstance(layer, layers.BatchNormalization):
            yield layer
