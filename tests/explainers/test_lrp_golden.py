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


def smoothgrad_in_sigmas(noise: float, path: Path) -> dict[str, float]:
    """How far the stored means of 64 draws are from ours, by model, in our own sigmas (rms).

    Linear models have no spread: their maps have to agree, and they are left out.
    """
    found = {}
    with h5py.File(path) as stored:
        x = stored["input"][()].astype(np.float32)
        for group, make in MODELS.items():
            model = keras.Sequential([keras.Input((10, 10, 3)), make(), layers.Flatten()])
            weights = stored[group]["weights"]
            model.layers[0].set_weights([weights[key][()] for key in sorted(weights)])
            level = noise / float(np.ptp(x[0]))  # the inputs span [0, 1], each nearly all of it
            explainer = tff.explain("smoothgrad", model, samples=64, noise_level=level)
            maps = np.stack([explainer(x, seed=seed) for seed in range(20)])
            mean, sigma = maps.mean(0), maps.std(0, ddof=1)
            apart = stored[group]["attribution"][()] - mean
            if sigma.max() < 1e-6:
                np.testing.assert_allclose(apart, 0, atol=1e-6, err_msg=group)
            else:
                found[group] = float(np.sqrt(np.mean(apart**2) / np.mean(sigma**2)))
    return found


def test_smoothgrad_is_the_stored_one_in_distribution(shared_data: Path) -> None:
    path = shared_data / "innvestigate_golden" / "SmoothGrad.hdf5"
    sigmas = smoothgrad_in_sigmas(1.0, path)  # that library's noise has a deviation of 1
    assert set(sigmas) == {"Dense_relu", "Conv2D_relu", "MaxPooling2D"}
    assert all(0.3 < apart < 2 for apart in sigmas.values()), sigmas
    too_quiet = smoothgrad_in_sigmas(0.5, path)
    assert too_quiet["Dense_relu"] > 2 and too_quiet["Conv2D_relu"] > 2, too_quiet
