"""The page of `bench/agreement.py` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from peers.comparisons import COMPARISONS, Comparison

_DTYPES = ("float32", "float64")

_HEAD = """# Agreement with other libraries

{exact} of {tried} comparisons agree within their limits in float64: 1e-5, for DeepLIFT 1e-4; the
last column says why the others do not. A difference is the largest entry of |ours − theirs| as a
share of the largest entry of |theirs|, in the worst sample of the batch; inputs are smooth noise,
the class explained is the predicted one. Every peer ran in its own process and environment on
networks rebuilt from a description and the same weights:
"""

_COMMANDS = """```sh
python -m venv torch-peers
torch-peers/bin/pip install torch captum shap
torch-peers/bin/pip install --no-deps zennit
python -m venv innvestigate-peer
innvestigate-peer/bin/pip install "tensorflow==2.21.*" "tf_keras==2.21.*" future matplotlib shap
innvestigate-peer/bin/pip install --no-deps innvestigate==2.1.2
python bench/agreement.py --time --torch_python=torch-peers/bin/python \\
    --innvestigate_python=innvestigate-peer/bin/python \\
    --weights=$TF_FRAGILE_DATA/squeezenet_v1.0_imagenet.npz --out=docs/results/agreement.md
```

The extras `peers` and `peers_innvestigate` list the same packages. Without torchvision, which
Zennit asks for, `bench/peers/torchvision_stub` stands in for the two classes that it imports.

`ours` has the settings that give it the peer's conventions; `our defaults` is the difference
without them in float64, and `why` the convention. `our rounding` is how far our float32 map is from
our float64 one, `theirs` the same of the peer's: ReLUs and maxima near a tie flip, so that no two
float32 maps of a deep network need agree any better. Zennit leaves the start of the backward pass
to the user: it is the logit, or 1 where the name ends in `_one`. Its stabiliser of 1e-6 is set to
1e-30, where ours replaces exact zeros only, except in the ε-rule, where it is the ε, and in the
line that says so.
"""

_TITLES = {
    "small": """## Convolutions, pools and dense layers

Two convolutions, a max pool and an average pool whose windows do not overlap, two dense layers;
random weights, biases that are not zero, inputs of both signs, 4 samples.""",
    "squeezenet": """## SqueezeNet

SqueezeNet v1.0, {weights}, 227 × 227, 2 samples. Its max pools overlap (3 × 3, stride 2).""",
    "mobilenet_v1": """## MobileNet v1

MobileNet v1, {mobilenet_weights}, 224 × 224, 2 samples: depthwise convolutions, ReLU6, strides of 2
padded below and to the right only.""",
}

_DEEPLIFT = """## Completeness of DeepLIFT

|sum of contributions / (S(x) − S(x⁰)) − 1| in the worst sample, float64, with a reference that is
smooth noise, too: with a constant reference, both max-pool rules are nearly the same."""

_COST = """## Cost

SqueezeNet, {setting}, in multiples of our TensorFlow forward pass: median over
{rounds} rounds and range. All processes were warm and took turns in one run; PyTorch used the
memory layout that took it less processor time. `ours` has the peer's conventions."""


@dataclass(frozen=True)
class Result:
    """What one comparison found on one network.

    Attributes:
      item: what was compared.
      net: on which network.
      dtype: in which precision.
      aligned: the relative difference with the peer's conventions.
      default: with our defaults, where those are others.
      ours: our map with the peer's conventions.
      theirs: the peer's.
      completeness: DeepLIFT's relative gap in the worst sample, ours and theirs.
      error: what the peer answered instead.
    """

    item: Comparison
    net: str
    dtype: str
    aligned: float | None = None
    default: float | None = None
    ours: np.ndarray | None = None
    theirs: np.ndarray | None = None
    completeness: tuple[float, float] | None = None
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the difference is above its limit; in float32 rounding decides."""
        if self.item.limit is None or self.aligned is None or self.net in self.item.broken:
            return False
        return self.dtype == "float64" and not self.aligned <= self.item.limit


@dataclass(frozen=True)
class Cost:
    """Forward passes of one map: median, smallest and largest over rounds.

    Attributes:
      item: which comparison.
      ours: with the peer's conventions.
      theirs: the peer's.
      error: what the peer answered instead.
    """

    item: Comparison
    ours: tuple[float, float, float]
    theirs: tuple[float, float, float] | None
    error: str = ""


def page(
    results: Sequence[Result], costs: Sequence[Cost], about: About, versions: Mapping[str, str]
) -> str:
    """The Markdown page."""
    results = sorted(results, key=lambda result: COMPARISONS.index(result.item))
    costs = sorted(costs, key=lambda cost: COMPARISONS.index(cost.item))
    judged = [r for r in results if r.dtype == "float64" and r.item.limit is not None]
    exact = sum(r.aligned is not None and r.aligned <= (r.item.limit or 0) for r in judged)
    parts = [_HEAD.format(exact=exact, tried=len(judged))]
    parts += [f"* {name} {number}" for name, number in versions.items()]
    parts += [f"* {name}: left out of this run" for name in about.missing]
    parts += ["", "To repeat:", "", _COMMANDS]
    for net, title in _TITLES.items():
        if not any(result.net == net for result in results):
            continue
        said = title.format(weights=about.weights, mobilenet_weights=about.mobilenet_weights)
        parts += [said, "", *_table(results, net), ""]
    parts += [_DEEPLIFT, "", *_completeness(results), ""]
    if costs:
        parts += [_COST.format(setting=about.setting, rounds=about.rounds), "", *_costs(costs), ""]
    return "\n".join(parts)


@dataclass(frozen=True)
class About:
    """How the run was made.

    Attributes:
      weights: where SqueezeNet's come from, in words.
      mobilenet_weights: where MobileNet's do.
      setting: of the timing, in words.
      rounds: of the timing.
      missing: peers without an environment.
    """

    weights: str
    mobilenet_weights: str
    setting: str
    rounds: int
    missing: tuple[str, ...]


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference as a share of the other's largest value, in the worst sample."""
    axes = tuple(range(1, theirs.ndim))
    apart, size = np.abs(ours - theirs).max(axes), np.abs(theirs).max(axes)
    return float((apart / np.where(size == 0, 1, size)).max())  # a map may be all zero in both


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e+")


def _pairs(results: Sequence[Result], net: str) -> list[tuple[Result, Result]]:
    """Every comparison on one network, in float32 and in float64."""
    found = [{id(r.item): r for r in results if (r.net, r.dtype) == (net, d)} for d in _DTYPES]
    return [(single, found[1][key]) for key, single in found[0].items()]


def _table(results: Sequence[Result], net: str) -> list[str]:
    rows = [
        "| method | peer | ours | float64 | float32 | our rounding | theirs | our defaults | why |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for single, double in _pairs(results, net):
        item = single.item
        if double.aligned is None or single.aligned is None:
            numbers = [f"fails: {double.error or single.error}", "", "", "", ""]
        else:
            above = " **above its limit**" if double.failed else ""
            default = "as here" if double.default is None else _number(double.default)
            numbers = [_number(double.aligned) + above, _number(single.aligned)]
            numbers += [_rounding(single.ours, double.ours)]
            numbers += [_rounding(single.theirs, double.theirs), default]
        why = "; ".join(filter(None, [item.why, item.broken.get(net, "")]))
        rows.append(f"| {' | '.join([item.method, item.peer, str(item.ours), *numbers, why])} |")
    return rows


def _rounding(single: np.ndarray | None, double: np.ndarray | None) -> str:
    return "" if single is None or double is None else _number(difference(single, double))


def _completeness(results: Sequence[Result]) -> list[str]:
    rows = ["| network | peer | ours, with its conventions | theirs |", "|---|---|---|---|"]
    for result in results:
        if result.completeness is not None and result.dtype == "float64":
            ours, theirs = map(_number, result.completeness)
            rows.append(f"| {result.net} | {result.item.peer} | {ours} | {theirs} |")
    return rows


def _costs(costs: Sequence[Cost]) -> list[str]:
    rows = ["| method | peer | theirs | ours | times faster |", "|---|---|---|---|---|"]
    for cost in costs:
        numbers = [f"fails: {cost.error}", _passes(cost.ours), ""]
        if cost.theirs is not None:
            faster = cost.theirs[0] / cost.ours[0]
            numbers = [_passes(cost.theirs), _passes(cost.ours), f"{faster:.1f}"]
        rows.append(f"| {' | '.join([cost.item.method, cost.item.peer, *numbers])} |")
    return rows


def _passes(cost: tuple[float, float, float]) -> str:
    return f"{cost[0]:.1f} [{cost[1]:.1f}, {cost[2]:.1f}]"
