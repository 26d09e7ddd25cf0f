"""KerasHub's image classifiers in small configurations, weights fresh."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import keras_hub

from designs.design import CLASSES, Design, Pair, twins

SHAPE = (32, 32, 3)
_RESNET = {
    "input_conv_filters": [64],
    "input_conv_kernel_sizes": [7],
    "stackwise_num_filters": [64, 16, 16],  # KerasHub asks for 64
    "stackwise_num_blocks": [1, 2, 1],
    "stackwise_num_strides": [1, 2, 2],
    "block_type": "basic_block",
}
_CSP = {
    "stem_filters": 8,
    "stem_kernel_size": 3,
    "stem_strides": 1,
    "stackwise_depth": [1, 1, 1],
    "stackwise_strides": [1, 2, 2],
    "stackwise_num_filters": [8, 16, 16],
    "bottle_ratio": [0.5],
    "expand_ratio": [2.0],
    "cross_linear": True,
    "stage_type": "csp",
}
_VIT = {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16}
# Name: (family in KerasHub, its backbone's configuration).
KNOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "ResNet": ("ResNet", _RESNET),
    "ResNet, pre-activation": ("ResNet", {**_RESNET, "use_pre_activation": True}),
    "ResNet-vd": (
        "ResNet",
        {
            **_RESNET,
            "input_conv_filters": [8, 8, 8],
            "input_conv_kernel_sizes": [3, 3, 3],
            "block_type": "bottleneck_block_vd",
        },
    ),
    "DenseNet": ("DenseNet", {"stackwise_num_repeats": [2, 2], "growth_rate": 8}),
    "EfficientNet": (
        "EfficientNet",
        {
            "stackwise_width_coefficients": [1.0] * 3,
            "stackwise_depth_coefficients": [1.0] * 3,
            "stackwise_kernel_sizes": [3, 3, 5],
            "stackwise_num_repeats": [1, 2, 1],
            "stackwise_input_filters": [8, 8, 16],
            "stackwise_output_filters": [8, 16, 16],
            "stackwise_expansion_ratios": [1, 4, 4],
            "stackwise_squeeze_and_excite_ratios": [0.0, 0.25, 0.25],
            "stackwise_strides": [1, 2, 1],
            "stackwise_block_types": ["fused", "unfused", "unfused"],
            "num_features": 32,
        },
    ),
    "MobileNet": (
        "MobileNet",
        {
            "stackwise_expansion": [[8, 16], [16]],
            "stackwise_num_blocks": [2, 1],
            "stackwise_num_filters": [[8, 8], [16]],
            "stackwise_kernel_size": [[3, 3], [5]],
            "stackwise_num_strides": [[2, 1], [2]],
            "stackwise_se_ratio": [[None, None], [0.25]],
            "stackwise_activation": [["relu", "relu"], ["hard_swish"]],
            "stackwise_padding": [[1, 1], [2]],
            "output_num_filters": 32,
            "input_activation": "hard_swish",
            "output_activation": "hard_swish",
            "input_num_filters": 8,
            "depthwise_filters": 8,
            "depthwise_stride": 2,
            "depthwise_residual": False,
            "last_layer_filter": 32,
            "squeeze_and_excite": 0.5,
        },
    ),
    "CSPDarkNet": ("CSPNet", {**_CSP, "block_type": "dark_block"}),
    "CSPResNet": ("CSPNet", {**_CSP, "block_type": "bottleneck_block"}),
    "VGG": ("VGG", {"stackwise_num_repeats": [2, 2], "stackwise_num_filters": [8, 16]}),
    "Xception": (
        "Xception",
        {"stackwise_conv_filters": [[8, 8], [16, 16]], "stackwise_pooling": [True, False]},
    ),
    "HGNetV2": (
        "HGNetV2",
        {
            "depths": [1, 1],
            "embedding_size": 8,
            "hidden_sizes": [16, 16],
            "stem_channels": [3, 8, 8],
            "hidden_act": "relu",
            "use_learnable_affine_block": True,
            "stackwise_stage_filters": [(8, 8, 16, 1, 2, 3), (16, 8, 16, 1, 2, 3)],
            "apply_downsample": [False, True],
            "use_lightweight_conv_block": [False, True],
        },
    ),
    "ViT": ("ViT", {**_VIT, "mlp_dim": 32}),
    "DeiT": ("DeiT", {**_VIT, "intermediate_dim": 32}),
    "MiT (SegFormer)": (
        "MiT",
        {
            "layerwise_depths": [1, 1],
            "num_layers": 2,
            "layerwise_num_heads": [1, 2],
            "layerwise_sr_ratios": [2, 1],
            "max_drop_path_rate": 0.1,
            "layerwise_patch_sizes": [7, 3],
            "layerwise_strides": [4, 2],
            "hidden_dims": [8, 16],
        },
    ),
    "Swin": (
        "SwinTransformer",
        {"embed_dim": 8, "depths": (2, 2), "num_heads": (1, 2), "window_size": 4, "patch_size": 2},
    ),
}
# What a classifier needs besides the classes.
_HEAD: dict[str, dict[str, Any]] = {
    "VGG": {"pooling": "flatten", "pooling_hidden_dim": 16},
    "HGNetV2": {"preprocessor": None},
}


def _classifier(family: str, config: dict[str, Any], head: str | None) -> keras.Model:
    backbone = getattr(keras_hub.models, f"{family}Backbone")
    classifier = getattr(keras_hub.models, f"{family}ImageClassifier")
    shape = "input_shape" if family == "EfficientNet" else "image_shape"
    more = _HEAD.get(family, {})
    return classifier(
        backbone=backbone(**config, **{shape: SHAPE}), num_classes=CLASSES, activation=head, **more
    )


def _pair(family: str, config: dict[str, Any]) -> Pair:
    return twins(partial(_classifier, family, config))


DESIGNS = tuple(
    Design(f"{name} (KerasHub)", partial(_pair, *known)) for name, known in KNOWN.items()
)
