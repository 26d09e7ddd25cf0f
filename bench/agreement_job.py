"""The networks and inputs that `bench/agreement.py` hands to its peers."""

from __future__ import annotations

import keras
import numpy as np
import scipy.ndimage
from peers.keras_net import build
from peers.nets import NETS, WEIGHTED
from peers.worker import Job

from tf_fragile.models import zoo

ZOO_NAMES = {"squeezenet": "squeezenet_v1.0", "mobilenet_v1": "mobilenet_v1"}


def smooth_noise(batch: int, shape: tuple[int, ...], scale: float, seed: int) -> np.ndarray:
    """Random fields [batch, *shape] with detail at several sizes, between -scale and scale."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    fields = np.zeros((batch, *shape))
    for cells in (3, 8, 20, 60):
        coarse = rng.standard_normal((batch, cells, cells, channels))
        zoom = (1, height / cells, width / cells, 1)
        fields += scipy.ndimage.zoom(coarse, zoom, order=1, mode="nearest", grid_mode=True)
    return scale * np.tanh(fields / 2)


def our_model(net: str, weights_from: str, dtype: str) -> keras.Model:
    """Our side's network, and `dtype` as the default of Keras from here on.

    Args:
      net: the zoo's `"squeezenet"` or `"mobilenet_v1"`, or `"small"` with random weights and
        biases.
      weights_from: of a network of the zoo, a file or `"random"`.
      dtype: `"float32"` or `"float64"`.
    """
    keras.config.set_dtype_policy(dtype)
    keras.config.set_floatx(dtype)
    if net in ZOO_NAMES:
        return zoo.load(ZOO_NAMES[net], weights=weights_from)
    layers, shape = NETS[net][0](), NETS[net][1]
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}
    inside = {"conv1": 3, "conv2": 8, "dense1": 192, "dense2": 16}
    for layer in (layer for layer in layers if layer["name"] in inside):
        size, fan = layer.get("size"), inside[layer["name"]]
        kernel = (size, size, fan, layer["filters"]) if size else (fan, layer["units"])
        scale = np.float32(np.sqrt(2 / np.prod(kernel[:-1])))
        weights[f"{layer['name']}/kernel"] = scale * rng.standard_normal(kernel, "float32")
        weights[f"{layer['name']}/bias"] = np.float32(0.3) * rng.standard_normal(
            kernel[-1], "float32"
        )
    return build(keras, layers, shape, weights)


def job_of(net: str, model: keras.Model, batch: int, dtype: str, steps: int, threads: int) -> Job:
    """What the peers get to rebuild `model` and explain `batch` inputs; see `Job`."""
    layers, shape = NETS[net][0](), NETS[net][1]
    scale = 120.0 if net == "squeezenet" else 1.0
    # The same numbers in both precisions.
    x = smooth_noise(batch, shape, scale, 1).astype("float32").astype(dtype)
    reference = (0.3 * smooth_noise(1, shape, scale, 2)[0]).astype("float32").astype(dtype)
    weights: dict[str, np.ndarray] = {}
    for layer in layers:
        if layer["op"] in WEIGHTED:
            kernel, bias = model.get_layer(layer["name"]).get_weights()
            weights |= {f"{layer['name']}/kernel": kernel, f"{layer['name']}/bias": bias}
    target = np.argmax(model(x), -1)
    return Job(layers, weights, x, reference, target, steps, threads, dtype)
