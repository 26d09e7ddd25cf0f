"""keras.applications that the coverage page does not have, at small inputs.

Above 60 million parameters, and so left out: see `TOO_LARGE`.
"""

from __future__ import annotations

from functools import partial

import keras

from designs.design import CLASSES, Design, Pair, twins

BYTES, SIGNS, SCORES = (0.0, 255.0), (-1.0, 1.0), (-2.0, 2.0)
CAFFE = (-128.0, 128.0)
TOO_LARGE = (
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtXLarge",
    "EfficientNetB7",
    "EfficientNetV2L",
    "NASNetLarge",
)
# The range of inputs that each expects, and the side that it can be built at.
KNOWN: dict[str, tuple[tuple[float, float], int]] = {
    "ConvNeXtSmall": (BYTES, 64),
    "DenseNet169": (SCORES, 64),
    "DenseNet201": (SCORES, 64),
    "EfficientNetB1": (BYTES, 64),
    "EfficientNetB2": (BYTES, 64),
    "EfficientNetB3": (BYTES, 64),
    "EfficientNetB4": (BYTES, 64),
    "EfficientNetB5": (BYTES, 64),
    "EfficientNetB6": (BYTES, 64),
    "EfficientNetV2B0": (BYTES, 64),
    "EfficientNetV2B1": (BYTES, 64),
    "EfficientNetV2B2": (BYTES, 64),
    "EfficientNetV2B3": (BYTES, 64),
    "EfficientNetV2M": (BYTES, 64),
    "EfficientNetV2S": (BYTES, 64),
    "InceptionResNetV2": (SIGNS, 80),
    "MobileNet": (SIGNS, 64),
    "MobileNetV3Large": (BYTES, 64),
    "MobileNetV3Small": (BYTES, 64),
    "NASNetMobile": (SIGNS, 64),
    "ResNet101": (CAFFE, 64),
    "ResNet101V2": (SIGNS, 64),
    "ResNet152": (CAFFE, 64),
    "ResNet152V2": (SIGNS, 64),
    "VGG19": (CAFFE, 64),
    "Xception": (SIGNS, 80),
}


def _application(name: str, side: int, head: str | None) -> keras.Model:
    build = getattr(keras.applications, name)
    shape = (side, side, 3)
    return build(weights=None, input_shape=shape, classes=CLASSES, classifier_activation=head)


def _pair(name: str, side: int) -> Pair:
    return twins(partial(_application, name, side))


DESIGNS = tuple(
    Design(name, partial(_pair, name, side), low, high)
    for name, ((low, high), side) in KNOWN.items()
)
