"""Builds a described network with Keras, version 2 or 3, whichever it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from peers.nets import Layer, Net


def build(keras: Any, net: Net, shape: tuple[int, ...], weights: Mapping[str, np.ndarray]) -> Any:
    """A functional model from [B, *shape] to logits, with `weights` by `name/kernel`."""
    values = {"input": keras.Input(shape)}
    for layer in net:
        inputs = [values[name] for name in layer["of"]]
        values[layer["name"]] = _apply(keras.layers, layer, inputs)
    model = keras.Model(values["input"], values[net[-1]["name"]])
    for layer in net:
        if layer["op"] in ("conv", "depthwise", "dense"):
            parts = [weights[f"{layer['name']}/{part}"] for part in ("kernel", "bias")]
            model.get_layer(layer["name"]).set_weights(parts)
    return model


def _apply(layers: Any, layer: Layer, inputs: list[Any]) -> Any:
    op, name, x = layer["op"], layer["name"], inputs[0]
    if op == "concat":
        return layers.Concatenate(name=name)(inputs)
    if op == "global_average":
        return layers.GlobalAveragePooling2D(name=name)(x)
    if op == "flatten":
        return layers.Flatten(name=name)(x)
    if op in ("max_pool", "average_pool"):
        kind = layers.MaxPooling2D if op == "max_pool" else layers.AveragePooling2D
        return kind(layer["size"], layer["stride"], name=name)(x)
    activation = "relu" if layer["relu"] else None
    if op == "dense":
        return layers.Dense(layer["units"], activation=activation, name=name)(x)
    size, stride, pad = layer["size"], layer["stride"], layer["pad"]
    before, after = (pad, pad) if isinstance(pad, int) else pad
    same = stride == 1 and before == after and size == 2 * before + 1
    if (before or after) and not same:
        x = layers.ZeroPadding2D(((before, after), (before, after)), name=f"{name}_pad")(x)
    padding = "same" if same else "valid"
    if "cap" in layer:
        activation = None
    if op == "depthwise":
        made = layers.DepthwiseConv2D(size, stride, padding, activation=activation, name=name)
    else:
        made = layers.Conv2D(
            layer["filters"], size, stride, padding, activation=activation, name=name
        )
    return layers.ReLU(layer["cap"], name=f"{name}_relu")(made(x)) if "cap" in layer else made(x)
