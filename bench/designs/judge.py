"""Right, refused, wrong or crash: one explainer on one design, compared with the oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf

import tf_fragile as tff
from designs.design import Design
from designs.oracle import Map, Oracle, distance, flat, labels, sums
from tf_fragile.errors import InputError

POINTS = 8
TOLERANCE = {"float16": 5e-2, "bfloat16": 2e-1}  # of a model that computes in it; else:
PRECISE = 2e-3
# Rounding may move a gradient across kinks: ten times the tape's own noise is let pass, up to this.
LOOSEST = 1e-1
# An entry of a relevance map this many times the logit says nothing about it.
EXPLODED = 1e3
SETTINGS: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": POINTS, "rule": "gauss_legendre"}
}
EXPLAINERS = (
    "gradient",
    "integrated_gradients",
    "lrp_epsilon",
    "lrp_zplus",
    "deeplift_rescale",
    "guided_backprop",
    "grad_cam",
)
ATTACK = "attack on gradient"
Kind = Literal["right", "refused", "wrong", "crash"]
# A map of an explainer, and what is wrong with it ("" where nothing is).
Check = Callable[[tff.explainers.Explainer, Map], str]


@dataclass(frozen=True)
class Verdict:
    """What one explainer did.

    Attributes:
      kind: of the answer.
      text: the sentence of a refusal, what is wrong, or the last line of a crash.
      gap: the worst sample's conservation or completeness gap, as a share of what is due.
      exploded: the largest entry in logits, where it is above `EXPLODED`.
    """

    kind: Kind
    text: str = ""
    gap: float | None = None
    exploded: float | None = None


def judged(answer: Callable[[], Verdict], design: Design) -> Verdict:
    """`answer()`, with refusals and crashes caught and a map that is not due called wrong."""
    try:
        verdict = answer()
    except InputError as error:
        return Verdict("refused", " ".join(str(error).split()))
    except Exception as error:  # the point of the page is to show these
        last = " ".join(str(error).split())[:300]
        return Verdict("crash", f"{type(error).__name__}: {last}")
    if design.refuse and verdict.kind == "right":
        return Verdict("wrong", f"answered, though {design.refuse}")
    return verdict


def explained(
    name: str, explainer: tff.explainers.Explainer, oracle: Oracle, design: Design
) -> Verdict:
    """One map against the oracle; raises what the explainer raises."""
    maps = explainer(oracle.x)
    fault = _form(maps, oracle.x)
    if fault:
        return Verdict("wrong", fault)
    if design.refuse:
        return Verdict("right")
    faults = [check(explainer, maps) for check in checks(name, oracle, design)]
    fault = "; ".join(fault for fault in faults if fault)
    due = _due(name, oracle)
    gap = None if due is None else float(np.max(np.abs(sums(maps) - due) / np.abs(due)))
    score = float(np.max(np.abs(oracle.value)))
    largest = float(np.abs(flat(maps)).max()) / score if name.startswith("lrp") else 0.0
    exploded = largest if largest > EXPLODED else None
    return Verdict("wrong" if fault else "right", fault, gap, exploded)


def checks(name: str, oracle: Oracle, design: Design) -> list[Check]:
    """What is held against the oracle, for each explainer."""
    tolerance = _tolerance(oracle)
    if name == "gradient":
        return [_near(lambda: oracle.here, "the tape's gradient", tolerance)]
    if name == "integrated_gradients":
        nodes, weights = np.polynomial.legendre.leggauss(POINTS)
        path = ((nodes + 1) / 2, weights / 2)
        expected, floor = oracle.path(*path)
        near = _near(lambda: expected, "the tape's path integral", _tolerance(oracle, floor))
        return [near, _honest(oracle, oracle.difference, tolerance)]
    if name == "deeplift_rescale":
        return [_complete(oracle, tolerance), _honest(oracle, oracle.difference, tolerance)]
    if name.startswith("lrp"):
        return [_honest(oracle, oracle.value, tolerance)]
    if name == "grad_cam" and design.cam == "":
        return [lambda explainer, maps: "answered, though no layer has places"]
    if name == "grad_cam" and design.cam is not None:
        return [_same_places(oracle, design.cam, tolerance)]
    return []


def attacked(explainer: tff.explainers.Explainer, oracle: Oracle, design: Design) -> Verdict:
    """Two steps against the gradient's top-k, judged again by the user's own model."""
    x, size = oracle.x, np.prod(oracle.x.shape[1:3])
    k, epsilon = int(max(1, size // 8)), 0.02 * (design.high - design.low)
    attack = tff.attack("top_k", k=k, steps=2, rows=len(x))
    result = attack(explainer, x, epsilon=epsilon, bounds=(design.low, design.high))
    moved, kept, tiny = result.perturbed[0], result.success[0], 1e-5 * (design.high - design.low)
    if design.refuse:
        return Verdict("right")
    faults = []
    if np.abs(moved - x).max() > epsilon + tiny:
        faults.append("it left the ball")
    if np.any(kept & (labels(oracle.pair, moved) != oracle.label)):
        faults.append("success where the model's own label changed")
    if np.any(kept & result.stuck[0]):
        faults.append("success where it never moved")
    own = spatial(oracle.gradient(moved))
    near = _tolerance(oracle)
    if kept.any() and (off := distance(result.map_after[0][kept], own[kept])) > 5 * near:
        faults.append(f"the map after the attack differs from the tape's by {off:.1%}")
    overlap = top_k_overlap(spatial(oracle.here), own, k)
    told = result.metrics["top_k_intersection"][0]
    if kept.any() and (off := np.abs(told - overlap)[kept].max()) > max(2 / k, near):
        faults.append(f"the overlap told is {off:.2f} from the one recomputed")
    return Verdict("wrong" if faults else "right", "; ".join(faults))


def spatial(gradient: np.ndarray) -> np.ndarray:
    """[B, H, W]: absolute values summed over channels, each map summing to 1."""
    maps = np.abs(np.asarray(gradient, "float64")).sum(-1)
    total = maps.sum((1, 2), keepdims=True)
    shares: np.ndarray = maps / np.where(total == 0, 1, total)
    return shares


def top_k_overlap(a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    """[B]: the share of the k largest places that two maps have in common."""
    tops = [np.argsort(-m.reshape(len(m), -1), 1)[:, :k] for m in (a, b)]
    return np.array([len(set(p) & set(q)) / k for p, q in zip(*tops, strict=True)])


def _form(maps: Map, x: Any) -> str:
    """Whether the map has the nesting and shapes of the input and is finite."""
    try:
        tf.nest.assert_same_structure(x, maps, check_types=False)
    except (TypeError, ValueError):
        return "the map is not nested like the inputs"
    pairs = list(zip(tf.nest.flatten(maps), tf.nest.flatten(x), strict=True))
    for ours, theirs in pairs:
        if np.shape(ours) != np.shape(theirs):
            return f"the map has shape {np.shape(ours)}, the input {np.shape(theirs)}"
    return "" if np.isfinite(flat(maps)).all() else "the map is not finite"


def _tolerance(oracle: Oracle, floor: float = 0.0) -> float:
    """How far a map may be off, where `floor` is what is known of its own rounding."""
    policies = {layer.compute_dtype for layer in oracle.pair.logits.layers}
    least = max((TOLERANCE.get(policy, PRECISE) for policy in policies), default=PRECISE)
    return max(least, min(10 * max(oracle.noise_floor, floor), LOOSEST))


def _due(name: str, oracle: Oracle) -> np.ndarray | None:
    if name in ("integrated_gradients", "deeplift_rescale"):
        return oracle.difference
    return oracle.value if name.startswith("lrp") else None


def _near(expected: Callable[[], Map], what: str, tolerance: float) -> Check:
    def check(explainer: tff.explainers.Explainer, maps: Map) -> str:
        off = distance(maps, expected())
        return "" if off <= tolerance else f"{off:.1%} from {what}"

    return check


def _complete(oracle: Oracle, tolerance: float) -> Check:
    """The sum is the score's difference, up to rounding of what was summed."""

    def check(explainer: tff.explainers.Explainer, maps: Map) -> str:
        due = oracle.difference
        weight = sums(tf.nest.map_structure(np.abs, maps)) + np.abs(due)
        off = np.max(np.abs(sums(maps) - due) / np.where(weight == 0, 1, weight))
        return "" if off <= tolerance else f"the sum misses the score's difference by {off:.1%}"

    return check


def _honest(oracle: Oracle, due: np.ndarray, tolerance: float) -> Check:
    """The gap that the explainer tells is the one that the oracle finds."""

    def check(explainer: tff.explainers.Explainer, maps: Map) -> str:
        told = explainer.gap(oracle.x, None, maps)
        if told is None:
            return "no gap is told"
        found = sums(maps) - due
        weight = sums(tf.nest.map_structure(np.abs, maps)) + np.abs(due)
        off = np.max(np.abs(told - found) / np.where(weight == 0, 1, weight))
        return "" if off <= tolerance else f"the gap told is off by {off:.1%} of the map"

    return check


def _same_places(oracle: Oracle, layer: str, tolerance: float) -> Check:
    def check(explainer: tff.explainers.Explainer, maps: Map) -> str:
        off = distance(np.asarray(maps)[..., 0], oracle.places(layer))
        return "" if off <= 5 * tolerance else f"{off:.1%} from the Grad-CAM of layer {layer!r}"

    return check
