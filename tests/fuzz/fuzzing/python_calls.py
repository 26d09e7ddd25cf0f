"""Calls of the Python interface: explain, an explainer, attack, an attack, smallest_epsilon."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from fuzzing.judge import told
from fuzzing.values import (
    NASTY,
    Kind,
    array_of,
    drawn,
    is_batch,
    nothing,
    numbers,
    real,
    truth,
    whole,
    word,
)

SHAPE = (6, 6, 1)
IMAGES = np.random.default_rng(0).uniform(0.1, 0.9, (2, *SHAPE)).astype(np.float32)
CLASSES = 3
WORDS_OF_HEADS = ("logits", "probabilities", "regression")

POINTS = {
    "steps": whole(2, 2, 3), "baseline": numbers(SHAPE),
    "rule": word("left", "right", "trapezoid", "gauss_legendre", "stratified"),
}  # fmt: skip
NOISE = {
    "samples": whole(1, 1, 2), "noise_level": real(0, 0.0, 0.1, high=100),
    "base": word("gradient", "gradient_x_input"),
    "statistic": word("mean", "mean_square", "variance"),
}  # fmt: skip
HEAD = word("logit", "one", "relu", *WORDS_OF_HEADS[:1])
CONVENTIONS = {
    "head": HEAD, "first": word("flat", "wsquare", none=True),
    "low": Kind((None,), lambda v: v is None), "high": Kind((None,), lambda v: v is None),
    "residual": word("proportional", "copy"),
    "average_pool": word("proportional", "gradient"),
    "batch_norm": word("fold_zformula", "fold", "depthwise", "pass", "zformula"),
    "add_clip": Kind((False,), lambda v: None if v is np.True_ else v is False),
}  # fmt: skip
BIAS = word("innvestigate", "split", "ignore")
SMALL = real(0, 0.0, 1e-6, high=1e6)
LIFT = {
    "rule": word("rescale", "reveal_cancel", "ablation"), "reference": numbers(SHAPE),
    "references": Kind(
        (np.zeros((2, *SHAPE)), None), lambda v: v is None or is_batch(v, SHAPE) or None
    ),
    "max_pool": word("cross_max", "gradient"),
    "threshold": real(0, 1e-7, 1e-3, high=1, open_low=True),
}  # fmt: skip
LAYER = word("conv", none=True)
AXIS = Kind((None, -1), lambda v: True if v is None else _axis(v))
EXPLAINERS: dict[str, dict[str, Kind]] = {
    "gradient": {},
    "gradient_x_input": {},
    "integrated_gradients": POINTS,
    "smoothgrad": NOISE,
    "smoothgrad_squared": NOISE,
    "vargrad": NOISE,
    "grad_cam": {"layer": LAYER, "relu": truth(), "normalise": truth(), "channel_axis": AXIS},
    "guided_grad_cam": {"layer": LAYER, "relu": truth(), "channel_axis": AXIS},
    "guided_backprop": {"head": HEAD},
    "deconvnet": {"head": HEAD},
    "rectgrad": {
        "q": real(0, 98.0, 0, 100, high=100), "input_product": truth(), "padding_trick": truth(),
        "redistribution": truth(), "head": HEAD,
    },
    "deeplift_rescale": LIFT,
    "deeplift_reveal_cancel": LIFT,
    "lrp_zero": {"bias": truth(), **CONVENTIONS},
    "lrp_epsilon": {"epsilon": SMALL, "bias": truth(), **CONVENTIONS},
    "lrp_gamma": {"gamma": SMALL, "bias": truth(), **CONVENTIONS},
    "lrp_alpha_beta": {
        "alpha": real(2, 2.0, high=2), "beta": real(1, 1.0, high=1), "bias": BIAS, **CONVENTIONS,
    },
    "lrp_epsilon_plus": {"epsilon": SMALL, "bias": BIAS, **CONVENTIONS},
    "deep_taylor": {"bias": BIAS, **CONVENTIONS},
    "excitation_backprop": {"contrastive": truth(), **CONVENTIONS},
    "pattern_net": {"patterns": Kind((3,), lambda v: False)},
}  # fmt: skip
# αβ rules have one more residual rule.
for _name in ("lrp_alpha_beta", "deep_taylor", "excitation_backprop", "lrp_epsilon_plus"):
    _known = word("proportional", "copy", "alpha_beta")
    EXPLAINERS[_name] = {**EXPLAINERS[_name], "residual": _known}

OPTIMIZERS: dict[str, dict[str, Kind]] = {
    "sign": {
        "steps": whole(1, 1, 2), "step_size": real(0, 0.1, open_low=True),
        "beta": real(0, 10.0, high=1e6, open_low=True),
        "momentum": nothing(), "pull": nothing(), "start": nothing(), "h": nothing(),
    },
    "annealed_momentum": {
        "steps": whole(1, 1, 2), "momentum": real(0, 0.5, high=0.999),
        "pull": real(0, 1.0, high=1e6),
        "kappa": real(0, 0.1, high=1), "start": real(0, 5.0, high=100, open_low=True),
        "stop": real(10, 50.0, high=1e6), "step_size": nothing(), "beta": nothing(),
        "mode": nothing(),
    },
    "secant": {
        "steps": whole(1, 1, 2), "h": real(0, 0.1, open_low=True), "step_size": nothing(),
        "beta": nothing(), "start": nothing(),
    },
    "random_sign": {
        "mode": word("one_shot"), "steps": whole(1, 1, high=1),
        "step_size": Kind((0.5, None), lambda v: None if v in (0.5,) else False),
        "beta": nothing(), "momentum": nothing(),
    },
}  # fmt: skip
OWN = {
    "norm": word("linf", "l2"), "k": Kind(whole(1, 3, 5, none=True).good, whole(1, 3).may),
    "select": word("objective", "intersection", "correlation", "center_shift", none=True),
    "surrogate": word("softplus", "scaled_softplus", "none", none=True),
    "grid": real(0, 1 / 255, open_low=True, high=1e6, none=True), "points": whole(1, 2, none=True),
    "restarts": whole(1, 1, 2), "rows": whole(1, 1, 4), "segment": whole(1, 1, 25),
    "fixed_chunks": truth(), "gate": word("off"), "tolerance": Kind((None,), lambda v: v is None),
    "channel_axis": Kind((None, -1, 3), lambda v: True if v is None else _axis(v)),
    "temperature": nothing(), "stepsize": nothing(),
}  # fmt: skip
OBJECTIVES: dict[str, dict[str, Kind]] = {
    "top_k": {},
    "soft_rank": {"temperature": real(0, 0.25, high=1e6, open_low=True)},
    "mass_center": {"kind": nothing()},
    "distance": {"kind": word("squared", "cosine", "pearson")},
    "target_region": {
        "mask": Kind((np.eye(6), np.eye(6, dtype=bool)), lambda v: None if _shaped(v) else False)
    },
    "target_map": {"target_map": Kind((np.ones((6, 6)),), lambda v: None if _shaped(v) else False)},
}


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
      what: in a line.
      names: of which a refusal has to have one.
      means: whether it has a meaning; `None` without an opinion.
      run: does it, see `judged`.
    """

    what: str
    names: tuple[str, ...]
    means: bool | None
    run: Callable[[], str]


class Workbench:
    """A tiny model, and what is made of it once."""

    def __init__(self) -> None:
        import tf_fragile as tff

        self.tff = tff
        keras.utils.set_random_seed(1)
        layers = keras.layers
        self.model = keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Conv2D(2, 3, activation="relu", name="conv"),
                layers.Flatten(),
                layers.Dense(CLASSES),
            ]
        )

    @cached_property
    def explainer(self) -> Any:
        return self.tff.explain("gradient", self.model)

    @cached_property
    def smooth(self) -> Any:
        return self.tff.explain("smoothgrad", self.model, samples=1)

    @cached_property
    def attack(self) -> Any:
        return self.tff.attack("top_k", k=5, steps=1, step_size=0.01, beta=10.0, gate="off")

    def map_of(self, explainer: Any, x: Any = IMAGES, **given: Any) -> str:
        found = explainer(x, **given)
        if np.shape(found)[1:] != SHAPE:
            return f"a map of shape {np.shape(found)}"
        return "" if np.isfinite(found).all() else "a map that is not finite"

    def attacked(self, attack: Any, explainer: Any = None, x: Any = IMAGES, **given: Any) -> str:
        settings = {"epsilon": 0.1, "bounds": (0, 1), **given}
        found = attack(explainer or self.explainer, x, **settings)
        moved = np.abs(found.perturbed - np.asarray(x, np.float32))
        levels = np.atleast_1d(np.asarray(settings["epsilon"], np.float64))
        radius = levels.reshape(levels.shape + (1,) * (moved.ndim - levels.ndim))
        far = moved.reshape(*moved.shape[:2], -1).max(-1) if attack.norm == "linf" else np.zeros(1)
        if (far > radius.reshape(radius.shape[0], -1) * 1.01 + 1e-3).any():
            return "a perturbation outside the ball"
        return "" if found.success.shape == (len(levels), len(x)) else "a result of another shape"


def calls(bench: Workbench, count: int, seed: int) -> Iterator[Call]:
    """So many calls, in turn of each kind."""
    rng = random.Random(seed)
    kinds = (_explain, _explain, _attack, _called, _attack, _attacked, _explain, _searched)
    for number in range(count):
        yield kinds[number % len(kinds)](bench, rng)


def _explain(bench: Workbench, rng: random.Random) -> Call:
    if rng.random() < 0.06:
        return _odd_explain(bench, rng)
    name = rng.choice([name for name, kinds in EXPLAINERS.items() if kinds])
    key = rng.choice(list(EXPLAINERS[name]))
    kind = EXPLAINERS[name][key]
    value = drawn(kind, rng)
    means = kind.may(value)
    if key == "head" and isinstance(value, str) and value in WORDS_OF_HEADS:
        means = None  # what the outputs are: true or not, a word of its own
    if name == "pattern_net":
        means = False

    def run() -> str:
        return bench.map_of(bench.tff.explain(name, bench.model, **{key: value}))

    return Call(f"explain({name!r}, {key}={told(value)})", (key, name), means, run)


def _odd_explain(bench: Workbench, rng: random.Random) -> Call:
    value = rng.choice(NASTY)
    if rng.random() < 0.5:
        return Call(
            f"explain({told(value)}, model)", ("explainer",), False,
            lambda: bench.map_of(bench.tff.explain(value, bench.model)),
        )  # fmt: skip
    return Call(
        f"explain('gradient', {told(value)})", ("model",), False,
        lambda: bench.map_of(bench.tff.explain("gradient", value)),
    )  # fmt: skip


def _called(bench: Workbench, rng: random.Random) -> Call:
    key = rng.choice(("x", "target", "seed"))
    kind = {"x": _BATCH, "target": _TARGET, "seed": _SEED}[key]
    value = drawn(kind, rng)
    given = {} if key == "x" else {key: value}
    x = value if key == "x" else IMAGES

    def run() -> str:
        return bench.map_of(bench.smooth if key == "seed" else bench.explainer, x, **given)

    return Call(f"explainer({key}={told(value)})", _NAMES[key], kind.may(value), run)


def _attack(bench: Workbench, rng: random.Random) -> Call:
    optimizer = rng.choice(list(OPTIMIZERS))
    objective = "top_k" if rng.random() < 0.7 else rng.choice(list(OBJECTIVES))
    own = {**OWN, **OPTIMIZERS[optimizer]}
    if objective != "top_k":
        own = OBJECTIVES[objective] or own
    key = rng.choice(list(own))
    kind = own[key]
    value = drawn(kind, rng)
    means = kind.may(value)
    if rng.random() < 0.05:
        odd = rng.choice(NASTY)
        return Call(
            f"attack({told(odd)})", ("objective",), False, lambda: bench.tff.attack(odd) and ""
        )
    given = {"k": 5, "gate": "off", "steps": 1, **_needed(objective), key: value}
    if optimizer == "secant" or key == "surrogate":
        means = means if key != "surrogate" or means is False else None
    if objective in ("mass_center", "distance") and "k" not in own:
        given.setdefault("k", 5)

    def run() -> str:
        made = bench.tff.attack(objective, optimizer=optimizer, **given)
        runs = key != "channel_axis" and value is not None
        return bench.attacked(made) if runs else ""

    what = f"attack({objective!r}, {optimizer}, {key}={told(value)})"
    return Call(what, (key, "target region") if key == "mask" else (key,), means, run)


def _attacked(bench: Workbench, rng: random.Random) -> Call:
    key = rng.choice(("x", "target", "epsilon", "bounds", "seed", "progress", "explainer"))
    kind = {
        "x": _BATCH, "target": _TARGET, "seed": _SEED, "epsilon": _RADII, "bounds": _BOUNDS,
        "progress": _PROGRESS, "explainer": Kind((3,), lambda v: False),
    }[key]  # fmt: skip
    value = drawn(kind, rng)
    means = kind.may(value)
    if key == "x" and means:
        means = None if np.min(value) < 0 or np.max(value) > 1 else True
    if key == "progress" and callable(value):
        value = bool  # what a user's own function raises is the user's

    def run() -> str:
        if key == "explainer":
            return str(bench.attack(value, IMAGES, epsilon=0.1, bounds=(0, 1)) and "")
        return bench.attacked(bench.attack, **{key: value})

    return Call(f"attack(...)({key}={told(value)})", _NAMES.get(key, (key,)), means, run)


def _searched(bench: Workbench, rng: random.Random) -> Call:
    key = rng.choice(("low", "high", "level", "tolerance", "x", "attack", "bounds"))
    kind = {
        "low": real(0, 0.05, high=0.199, open_low=True), "high": real(0.0501, 0.2, 1.0),
        "level": real(1e-9, 0.5, high=0.999), "tolerance": real(1e-6, 0.5, high=1e6),
        "x": _BATCH, "attack": Kind((3,), lambda v: None if callable(v) else False),
        "bounds": _BOUNDS,
    }[key]  # fmt: skip
    value = drawn(kind, rng)
    means = kind.may(value)
    if key == "x" and means:
        means = None if np.min(value) < 0 or np.max(value) > 1 else True
    if key == "attack" and callable(value):
        value, means = 3, False
    given = {
        "attack": bench.attack, "explainer": bench.explainer, "x": IMAGES, "low": 0.05, "high": 0.2,
        "tolerance": 1.0, "bounds": (0, 1), key: value,
    }  # fmt: skip

    def run() -> str:
        found = bench.tff.smallest_epsilon(**given)
        return "" if found.epsilon.shape == (len(given["x"]),) else "a result of another shape"

    return Call(f"smallest_epsilon({key}={told(value)})", _NAMES.get(key, (key,)), means, run)


def _needed(objective: str) -> dict[str, Any]:
    arrays = {"target_region": ("mask", np.eye(6)), "target_map": ("target_map", np.ones((6, 6)))}
    return dict([arrays[objective]]) if objective in arrays else {}


def _axis(value: Any) -> bool | None:
    """An axis that exists may or may not be the right one."""
    return None if whole(-3, 1, high=3).may(value) else False


def _shaped(value: Any) -> bool:
    return bool(getattr(value, "shape", ()) or (isinstance(value, list) and value))


def _target(value: Any) -> bool:
    if value is None or whole(0, 1, high=CLASSES - 1).may(value):
        return True
    try:
        array = np.asarray(value)
    except Exception:
        return False
    if array.dtype.kind not in "iu":
        return array.ndim == 2 and array.shape == (2, CLASSES) and array.dtype.kind in "bf"
    one_each = array.shape == (2,) and ((array >= 0) & (array < CLASSES)).all()
    return bool(one_each or array.shape == (2, CLASSES))


def _seed(value: Any) -> bool:
    if whole(-(2**31), 1, high=2**31 - 1).may(value):
        return True
    try:
        array = np.asarray(value)
    except Exception:
        return False
    if array.dtype.kind not in "iu" or array.shape not in ((2,), (2, 2)):
        return False
    return bool((np.abs(array.astype(np.float64)) < 2**31).all())


def _radii(value: Any) -> bool:
    array = array_of(value)
    if array is None or array.ndim > 1 or not array.size:
        return False
    each = np.ravel(array).astype(np.float64)
    return bool((np.isfinite(each) & (each > 1e-30) & (each < 3.4e38)).all())


def _bounds(value: Any) -> bool | None:
    """A range around the images; others are refused or don't matter here."""
    try:
        low, high = value
        holds = float(low) <= 0.1 and float(high) >= 0.9 and np.isfinite([low, high]).all()
    except Exception:
        return False
    words = any(isinstance(one, (str, bytes, bool)) for one in (low, high))
    return bool(holds) and not words


_BATCH = Kind(
    (IMAGES, IMAGES[:1], IMAGES.astype(np.float64), IMAGES.astype(np.float16),
     (IMAGES > 0.5), (IMAGES * 0).astype(np.uint8)),
    lambda v: is_batch(v, SHAPE),
)  # fmt: skip
_TARGET = Kind(
    (None, 0, 2, [0, 1], np.array([2, 0]), np.int64(1), np.eye(3)[:2], np.uint8([1, 1]), 3, -1,
     [0, 3], [0], [[0, 0, 0], [1, 0, 0]], np.array([2**40, 0])),
    lambda v: None if isinstance(v, list) and v == [[0, 0, 0], [1, 0, 0]] else _target(v),
)  # fmt: skip
_SEED = Kind((0, 7, -3, [1, 2], np.array([5, 6]), np.int64(3), [1], [1.5, 2.5], [2**40, 1]), _seed)
_RADII = Kind((0.1, [0.05, 0.1], np.float32(0.1), np.array([0.1]), (0.02, 0.02), 1), _radii)
_BOUNDS = Kind(((0, 1), [0.0, 1.0], (-1, 2), (1, 0), (0, 0.5), (0, 1, 2)), _bounds)
_PROGRESS = Kind(
    (None, lambda steps: None), lambda v: True if v is None else None if callable(v) else False
)
_NAMES: dict[str, tuple[str, ...]] = {
    "x": ("input", "batch", "sample"),
    "bounds": ("range", "bounds"),
    "level": ("level", "overlap"),
    "explainer": ("explainer",),
    "low": ("low",),
    "high": ("high",),
}
for _key in ("target", "seed", "epsilon", "progress", "tolerance", "attack"):
    _NAMES[_key] = (_key,)
