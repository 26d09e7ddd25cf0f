"""Captum, Zennit and SHAP, on the described network built with PyTorch."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy as np
import torch

if importlib.util.find_spec("torchvision") is None:
    sys.path.append(str(Path(__file__).parent / "torchvision_stub"))

import shap
from captum import attr
from nets import WEIGHTED, Layer
from worker import Job, Method, serve
from zennit import composites, rules, types
from zennit.attribution import Gradient

# Zennit adds 1e-6 to denominators where we replace zeros only. Added in its place, this vanishes in
# rounding, so that what is compared is the rules.
_TINY = 1e-30


class Net(torch.nn.Module):
    """The described network, every ReLU a module of its own, channels first.

    With `separate_pools` max pools read copies: Captum's DeepLIFT hooks a module's input and output
    tensors, and where a pool reads the very tensor that a ReLU made, the ReLU's hook comes first
    and never sees the pool's multipliers.
    """

    def __init__(self, job: Job, separate_pools: bool = False) -> None:
        super().__init__()
        self.net, self.separate_pools = job.net, separate_pools
        self.parts = torch.nn.ModuleDict()
        shapes = {layer["name"]: layer["shape"] for layer in job.net if layer["op"] == "flatten"}
        for layer in job.net:
            made = _module(layer, job.weights, shapes.get(layer["of"][0]))
            if made is not None:
                self.parts[layer["name"]] = made
            if layer.get("relu"):
                capped = layer.get("cap") == 6
                self.parts[f"{layer['name']}_relu"] = (
                    torch.nn.ReLU6() if capped else torch.nn.ReLU()
                )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of images [B, C, H, W]."""
        values = {"input": x}
        for layer in self.net:
            inputs = [values[name] for name in layer["of"]]
            name = layer["name"]
            if layer["op"] == "concat":
                h = torch.cat(inputs, 1)
            elif layer["op"] == "flatten":
                h = torch.flatten(inputs[0], 1)
            else:
                copy = self.separate_pools and layer["op"] == "max_pool"
                h = inputs[0].clone() if copy else inputs[0]
                if isinstance(layer.get("pad"), list):  # not the same on both sides
                    h = torch.nn.functional.pad(h, 2 * layer["pad"])
                h = self.parts[name](h)
            if layer["op"] == "global_average":
                h = torch.flatten(h, 1)
            values[name] = self.parts[f"{name}_relu"](h) if layer.get("relu") else h
        return values[self.net[-1]["name"]]


def _module(
    layer: Layer, weights: Mapping[str, np.ndarray], flat: list[int] | None
) -> torch.nn.Module | None:
    nn, op = torch.nn, layer["op"]
    if op in ("max_pool", "average_pool"):
        kind = nn.MaxPool2d if op == "max_pool" else nn.AvgPool2d
        return kind(layer["size"], layer["stride"])
    if op == "global_average":
        return nn.AdaptiveAvgPool2d(1)
    if op not in WEIGHTED:
        return None
    kernel, bias = (weights[f"{layer['name']}/{part}"] for part in ("kernel", "bias"))
    made: torch.nn.Module
    if op in ("conv", "depthwise"):
        # Keras keeps the channels of a depthwise kernel where other kernels have their inputs.
        kernel = kernel.transpose(3, 2, 0, 1) if op == "conv" else kernel.transpose(2, 3, 0, 1)
        out, inside = kernel.shape[:2]
        groups = 1 if op == "conv" else out
        pad = 0 if isinstance(layer["pad"], list) else layer["pad"]
        size, stride = layer["size"], layer["stride"]
        made = nn.Conv2d(inside * groups, out, size, stride, pad, groups=groups)
    else:
        if flat is not None:  # Keras flattens rows, columns, channels
            kernel = kernel.reshape(*flat, -1).transpose(2, 0, 1, 3).reshape(len(kernel), -1)
        kernel = kernel.T
        made = nn.Linear(kernel.shape[1], kernel.shape[0])
    made.weight.data = torch.tensor(np.ascontiguousarray(kernel))
    made.bias.data = torch.tensor(bias)
    return made


def make(job: Job) -> tuple[dict[str, list[Method]], dict[str, str]]:
    """All methods of the three libraries, in both memory layouts."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(job.threads)
    torch.set_default_dtype(getattr(torch, job.dtype))
    found: dict[str, list[Method]] = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        model, apart = (Net(job, flag).eval().to(memory_format=layout) for flag in (False, True))
        x, reference = (
            torch.tensor(a.transpose(0, 3, 1, 2)).contiguous(memory_format=layout)
            for a in (job.x, job.reference[None])
        )
        target = torch.tensor(job.target)
        named = methods(model, x, reference, target, job.steps)
        lift = partial(_captum_deeplift, apart, x, reference, target)
        named["captum/deeplift_separate_pools"] = lift
        named["captum/deeplift_summed_pools"] = partial(_summing, lift)
        for name, method in named.items():
            found.setdefault(name, []).append(partial(_channels_last, method))
    return found, {name: version(name) for name in ("torch", "captum", "zennit", "shap")}


def methods(
    model: Net, x: torch.Tensor, reference: torch.Tensor, target: torch.Tensor, steps: int
) -> dict[str, Callable[[], torch.Tensor]]:
    """Every method by `library/name`."""
    found: dict[str, Callable[[], torch.Tensor]] = {"torch/logits": lambda: model(x)}
    found |= _captum(model, x, reference, target, steps)
    for name, composite in _zennit_composites().items():
        one = name.endswith("_one")
        found[f"zennit/{name}"] = partial(_zennit, model, x, target, composite, one)
    found["shap_torch/deep_explainer"] = partial(_shap, shap.DeepExplainer(model, reference), x)
    found["shap_torch/deep_explainer_summed_pools"] = partial(
        _summing, found["shap_torch/deep_explainer"]
    )
    return found


def _captum(
    model: Net, x: torch.Tensor, reference: torch.Tensor, target: torch.Tensor, steps: int
) -> dict[str, Callable[[], torch.Tensor]]:
    """Captum's methods, whose gradient family starts from one."""

    def run(kind: Callable, **settings: object) -> Callable[[], torch.Tensor]:
        return lambda: kind(model).attribute(x.clone(), target=target, **settings)

    return {
        "captum/gradient": run(attr.Saliency, abs=False),
        "captum/integrated_gradients": run(
            attr.IntegratedGradients, baselines=reference, n_steps=steps
        ),
        "captum/guided_backprop": run(attr.GuidedBackprop),
        "captum/deconvnet": run(attr.Deconvolution),
        "captum/lrp_epsilon": run(attr.LRP),
        "captum/deeplift": partial(_captum_deeplift, model, x, reference, target),
    }


def _captum_deeplift(
    model: Net, x: torch.Tensor, reference: torch.Tensor, target: torch.Tensor
) -> torch.Tensor:
    return attr.DeepLift(model).attribute(x.clone(), baselines=reference, target=target)


def _shap(explainer: shap.DeepExplainer, x: torch.Tensor) -> torch.Tensor:
    values, _ = explainer.shap_values(x, ranked_outputs=1, check_additivity=False)
    return torch.tensor(values[..., 0])


def _summing(method: Callable[[], torch.Tensor]) -> torch.Tensor:
    """The map by `method` where unpooling adds the entries that land in one place."""
    with mock.patch.object(torch.nn.functional, "max_unpool2d", _summed_unpool):
        return method()


def _summed_unpool(
    values: torch.Tensor,
    places: torch.Tensor,
    kernel_size: int,
    stride: int,
    padding: int,
    output_size: list[int],
) -> torch.Tensor:
    sums = values.new_zeros(*values.shape[:2], output_size[-2] * output_size[-1])
    sums.scatter_add_(2, places.flatten(2), values.flatten(2))
    return sums.unflatten(2, output_size[-2:])


def _zennit_composites() -> dict[str, composites.Composite | None]:
    """Zennit's composites by name, and its rules on all weighted layers."""

    def everywhere(rule: rules.BasicHook, of_pools: float = _TINY) -> composites.Composite:
        base = composites.layer_map_base(of_pools)
        return composites.LayerMapComposite([*base, (types.Linear, rule)])

    return {
        "gradient_one": None,
        "guided_backprop": composites.GuidedBackprop(),
        "deconvnet": composites.DeconvNet(),
        "lrp_epsilon": everywhere(rules.Epsilon(), 1e-6),
        "lrp_epsilon_exact_pools": everywhere(rules.Epsilon()),
        "lrp_gamma": everywhere(rules.Gamma(0.25, _TINY)),
        "lrp_zplus": everywhere(rules.ZPlus(_TINY)),
        "lrp_zplus_without_bias": everywhere(rules.ZPlus(_TINY, ["bias"])),
        "lrp_alpha2_beta1": everywhere(rules.AlphaBeta(2, 1, _TINY)),
        "lrp_alpha2_beta1_without_bias": everywhere(rules.AlphaBeta(2, 1, _TINY, ["bias"])),
        "epsilon_plus": composites.EpsilonPlus(stabilizer=_TINY),
        "epsilon_plus_flat": composites.EpsilonPlusFlat(stabilizer=_TINY),
        "epsilon_alpha2_beta1": composites.EpsilonAlpha2Beta1(stabilizer=_TINY),
        "excitation_backprop_one": composites.ExcitationBackprop(_TINY, zero_params=["bias"]),
    }


def _zennit(
    model: Net,
    x: torch.Tensor,
    target: torch.Tensor,
    composite: composites.Composite | None,
    one: bool,
) -> torch.Tensor:
    """The modified gradient, started from the target's logit, or from one."""

    def start(logits: torch.Tensor) -> torch.Tensor:
        unit = torch.nn.functional.one_hot(target, logits.shape[1]).to(logits)
        return unit if one else unit * logits

    with Gradient(model, composite) as attributor:
        return attributor(x.clone().requires_grad_(), start)[1]


def _channels_last(method: Callable[[], torch.Tensor]) -> np.ndarray:
    result = method().detach()
    return (result.permute(0, 2, 3, 1) if result.ndim == 4 else result).numpy()


if __name__ == "__main__":
    serve(make)
