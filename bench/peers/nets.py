"""The networks of the comparison as plain descriptions, from which every framework builds its own.

A network is a list of layers in order, each a dict that JSON can hold; `of` names the layers it
reads, `"input"` the input. Convolutions and dense layers with `relu` end in one, which with `cap`
stops there. `pad` is the number of zeros on every side, or [above and left, below and right].
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


_SEPARABLE = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)


def mobilenet_v1() -> Net:
    """MobileNet v1 for 224x224x3, as `tf_fragile.models.zoo` has it: a chain, ReLU6, no pools.

    TensorFlow pads what strides of 2 miss below and to the right only.
    """
    side = 224

    def capped(op: str, name: str, of: str, size: int, stride: int, **more: int) -> Layer:
        nonlocal side
        out = -(-side // stride)
        missing = max((out - 1) * stride + size - side, 0)
        side, pad = out, [missing // 2, missing - missing // 2]
        layer = {"op": op, "name": name, "of": [of], "size": size, "stride": stride, **more}
        return {**layer, "pad": pad, "relu": True, "cap": 6}

    net = [capped("conv", "Conv2d_0", "input", 3, 2, filters=32)]
    for i, (width, stride) in enumerate(_SEPARABLE, start=1):
        depthwise = f"Conv2d_{i}_depthwise"
        net.append(capped("depthwise", depthwise, net[-1]["name"], 3, stride))
        net.append(capped("conv", f"Conv2d_{i}_pointwise", depthwise, 1, 1, filters=width))
    net.append({"op": "global_average", "name": "pool", "of": [net[-1]["name"]]})
    return [*net, dense("Logits", "pool", 1000, relu=False)]


WEIGHTED = ("conv", "depthwise", "dense")
"""Operations that have a kernel and a bias."""

NETS = {
    "small": (small, (20, 20, 3)),
    "squeezenet": (squeezenet, (227, 227, 3)),
    "mobilenet_v1": (mobilenet_v1, (224, 224, 3)),
}
