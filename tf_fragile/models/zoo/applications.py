"""The networks of `keras.applications`, built with logits instead of a softmax."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras

from tf_fragile.models.zoo.entry import ZooEntry

# Default side of the input and name of the preprocessing. Networks that scale their own input
# take raw pixels. Keras has these facts only inside the functions that build the networks.
_FACTS: dict[str, tuple[int, str]] = {
    **{f"ConvNeXt{size}": (224, "raw") for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
    **{f"DenseNet{depth}": (224, "torch") for depth in (121, 169, 201)},
    "EfficientNetB0": (224, "raw"),
    "EfficientNetB1": (240, "raw"),
    "EfficientNetB2": (260, "raw"),
    "EfficientNetB3": (300, "raw"),
    "EfficientNetB4": (380, "raw"),
    "EfficientNetB5": (456, "raw"),
    "EfficientNetB6": (528, "raw"),
    "EfficientNetB7": (600, "raw"),
    "EfficientNetV2B0": (224, "raw"),
    "EfficientNetV2B1": (240, "raw"),
    "EfficientNetV2B2": (260, "raw"),
    "EfficientNetV2B3": (300, "raw"),
    "EfficientNetV2S": (384, "raw"),
    "EfficientNetV2M": (480, "raw"),
    "EfficientNetV2L": (480, "raw"),
    "InceptionResNetV2": (299, "tf"),
    "InceptionV3": (299, "tf"),
    "MobileNet": (224, "tf"),
    "MobileNetV2": (224, "tf"),
    "MobileNetV3Large": (224, "raw"),
    "MobileNetV3Small": (224, "raw"),
    "NASNetLarge": (331, "tf"),
    "NASNetMobile": (224, "tf"),
    **{f"ResNet{depth}": (224, "caffe") for depth in (50, 101, 152)},
    **{f"ResNet{depth}V2": (224, "tf") for depth in (50, 101, 152)},
    "VGG16": (224, "caffe"),
    "VGG19": (224, "caffe"),
    "Xception": (299, "tf"),
}

APPLICATIONS = tuple(sorted(_FACTS))


def build_application(name: str, *, weights: str | None = None) -> keras.Model:
    """Builds a network of `keras.applications` that ends in logits.

    Args:
      name: its name there, e.g. `"ResNet50"`.
      weights: `None` for fresh ones, or `"imagenet"` for those that Keras downloads.

    Returns:
      A functional model from `[B, H, W, 3]` to `[B, 1000]` logits.
    """
    build: Callable[..., keras.Model] = getattr(keras.applications, name)
    side, _ = _FACTS[name]
    # Left to themselves, some of them accept any size and have no input shape to go by.
    return build(weights=weights, classifier_activation=None, input_shape=(side, side, 3))


def application_entry(name: str) -> ZooEntry:
    """The zoo's entry of a network of `keras.applications`."""
    side, preprocessing = _FACTS[name]
    return ZooEntry(
        name=name,
        build=partial(build_application, name),
        input_shape=(side, side, 3),
        preprocessing=preprocessing,
        num_classes=1000,
        description=f"keras.applications.{name} with logits, 1000 ImageNet classes.",
        class_index="imagenet",
        short_side=round(side / 0.875),
    )
