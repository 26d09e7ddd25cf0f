"""Maps against the stored ones of iNNvestigate, all six one-layer models of each file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import tf_fragile as tff

layers = keras.layers
FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "Gradient": ("gradient", {}),
    "InputTimesGradient": ("gradient_x_input", {}),
    "IntegratedGradients": ("integrated_gradients", {"steps": 64, "rule": "left"}),
    "GuidedBackprop": ("guided_backprop", {}),
    "DeepTaylor": ("deep_taylor", {}),
    "LRPZ": ("lrp_zero", {}),
    "LRPZIgnoreBias": ("lrp_zero", {"bias": False}),
    "LRPZ_Flat_input_layer_rule": ("lrp_zero", {"first": "flat"}),
    "LRPEpsilon": ("lrp_epsilon", {"epsilon": 1e-7}),
    "LRPAlpha1Beta0": ("lrp_alpha_beta", {"alpha": 1, "beta": 0, "bias": "innvestigate"}),
    "LRPAlpha1Beta0IgnoreBias": ("lrp_alpha_beta", {"alpha": 1, "beta": 0, "bias": "ignore"}),
    "LRPAlpha2Beta1": ("lrp_alpha_beta", {"bias": "innvestigate"}),
    "LRPZPlus": ("lrp_zplus", {}),
    "LRPFlat": ("lrp_flat", {}),
    "LRPSequentialPresetA": ("lrp_epsilon_plus", {"epsilon": 0.1}),
    "LRPSequentialPresetAFlat": ("lrp_epsilon_plus", {"epsilon": 0.1, "first": "flat"}),
    "LRPSequentialPresetB": ("lrp_epsilon_alpha2_beta1", {"epsilon": 0.1}),
}
MODELS = {
    "Dense": lambda: layers.Dense(5),
    "Dense_relu": lambda: layers.Dense(5, activation="relu"),
    "Conv2D": lambda: layers.Conv2D(5, 3),
    "Conv2D_relu": lambda: layers.Conv2D(5, 3, activation="relu"),
    "AveragePooling2D": lambda: layers.AveragePooling2D(2),
    "MaxPooling2D": lambda: layers.MaxPooling2D(2),
}


@pytest.mark.parametrize("file", FILES)
def test_map_is_the_stored_one(file: str, shared_data: Path) -> None:
    name, settings = FILES[file]
    with h5py.File(shared_data / "innvestigate_golden" / f"{file}.hdf5") as stored:
        x = stored["input"][()].astype(np.float32)
        for group, make in MODELS.items():
            model = keras.Sequential([keras.Input((10, 10, 3)), make(), layers.Flatten()])
            weights = stored[group]["weights"]
            model.layers[0].set_weights([weights[key][()] for key in sorted(weights)])
            outputs, expected = stored[group]["output"][()], stored[group]["attribution"][()]
            np.testing.assert_allclose(model.predict(x, verbose=0), outputs, atol=1e-5)
            maps = tff.explain(name, model, **settings)(x)
            np.testing.assert_allclose(maps, expected, atol=1e-6, err_msg=group)
