"""The networks of the comparison as plain descriptions, from which every framework builds its own.

A network is a list of layers in order, each a dict that JSON can hold; `of` names the layers it
reads, `"input"` the input. Convolutions and dense layers with `relu` end in one.
"""

from __future__ import annotations

from typing import Any

Layer = dict[str, Any]
Net = list[Layer]

_FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128)}
_FIRES |= {6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}


def conv(name: str, of: str, filters: int, size: int, stride: int = 1, pad: int = 0) -> Layer:
    """A square convolution with ReLU and `pad` zeros on every side."""
    layer = {"op": "conv", "name": name, "of": [of], "filters": filters, "size": size}
    return {**layer, "stride": stride, "pad": pad, "relu": True}


def dense(name: str, of: str, units: int, relu: bool) -> Layer:
    """A dense layer."""
    return {"op": "dense", "name": name, "of": [of], "units": units, "relu": relu}


def pool(op: str, name: str, of: str, size: int, stride: int) -> Layer:
    """A pool without padding; `op` is `"max_pool"` or `"average_pool"`."""
    return {"op": op, "name": name, "of": [of], "size": size, "stride": stride}


def small() -> Net:
    """Convolutions, both pools, whose windows do not overlap, and dense layers, for 20x20x3."""
    return [
        conv("conv1", "input", 8, 3, pad=1),
        pool("max_pool", "pool1", "conv1", 2, 2),
        conv("conv2", "pool1", 12, 3),
        pool("average_pool", "pool2", "conv2", 2, 2),
        {"op": "flatten", "name": "flat", "of": ["pool2"], "shape": [4, 4, 12]},
        dense("dense1", "flat", 16, relu=True),
        dense("dense2", "dense1", 5, relu=False),
    ]


def squeezenet() -> Net:
    """SqueezeNet v1.0 for 227x227x3, as `tf_fragile.models.zoo` has it; its max pools overlap."""
    net = [conv("conv1", "input", 96, 7, stride=2), pool("max_pool", "pool1", "conv1", 3, 2)]
    last = "pool1"
    for i, (squeeze, expand) in _FIRES.items():
        name = f"fire{i}"
        net.append(conv(f"{name}_squeeze1x1", last, squeeze, 1))
        net.append(conv(f"{name}_expand1x1", f"{name}_squeeze1x1", expand, 1))
        net.append(conv(f"{name}_expand3x3", f"{name}_squeeze1x1", expand, 3, pad=1))
        halves = [f"{name}_expand1x1", f"{name}_expand3x3"]
        net.append({"op": "concat", "name": f"{name}_concat", "of": halves})
        last = f"{name}_concat"
        if i in (4, 8):
            net.append(pool("max_pool", f"pool{i}", last, 3, 2))
            last = f"pool{i}"
    net.append(conv("conv10", last, 1000, 1, pad=1))
    return [*net, {"op": "global_average", "name": "logits", "of": ["conv10"]}]


NETS = {"small": (small, (20, 20, 3)), "squeezenet": (squeezenet, (227, 227, 3))}
