"""What is asked of the engine for one model, and compared with Keras' own numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tf_fragile as tff
from random_models import reference
from random_models.subject import Subject, moving
from tf_fragile.backprop.network import Network

# Of the largest entry; a model's own distance from float64 comes on top.
TOLERANCE = {"float32": 1e-3, "float64": 1e-3, "floatx64": 1e-5, "float16": 3e-2, "bfloat16": 2e-1}


class Wrong(Exception):  # noqa: N818
    """The engine's answer is not Keras' one."""

    def __init__(self, what: str, detail: str = "") -> None:
        super().__init__(what)
        self.what, self.detail = what, detail


def check_gradient(subject: Subject, network: Network) -> None:
    """Logits, label and gradient of the predicted and of another class.

    Raises:
      Wrong: not Keras' values, or an answer where only a refusal is right.
    """
    model, x = subject.model, subject.x
    held = [*model.trainable_variables, *moving(model)]
    before = [v.numpy() for v in held]
    explainer = tff.explain("gradient", network)
    maps = explainer(x)
    if not all(np.array_equal(v.numpy(), b) for v, b in zip(held, before, strict=True)):
        raise Wrong("the user's variables were moved")
    if subject.head.refused or subject.exact is None:
        raise Wrong(f"head {subject.recipe.head} explained without a word", note(network))
    if not subject.deterministic and subject.recipe.wiring != "stateful":
        raise Wrong("a random model explained without a word")
    check_shapes(maps, x)
    label = reference.decision(subject)
    check_logits(subject, network, explainer.inputs(x), label)
    other = (label + 1) % max(2, subject.y.shape[-1])
    compare(maps, subject, network, label, "gradient of the predicted class")
    compare(explainer(x, other), subject, network, other, "gradient of another class")


def check_logits(subject: Subject, network: Network, x: Any, label: np.ndarray) -> None:
    """The network's logits and label are those of Keras."""
    ours = tf.cast(network.logits(x), tf.float64).numpy()
    exact = reference.classes(subject.logits)
    if ours.shape != exact.shape:
        raise Wrong("logits of another shape", f"{ours.shape}, Keras {exact.shape}")
    if not close(subject, ours, exact, lambda: reference.logits(subject.twin, subject.x)):
        if subject.exact is not None and np.allclose(ours, subject.y, 1e-3, 1e-3):
            raise Wrong(f"outputs of head {subject.recipe.head} taken for logits", note(network))
        raise Wrong("logits", f"ours {ours}\nKeras {exact}\n{note(network)}")
    said = network.predict(x).numpy()
    label = reference.kept_labels(subject, subject.x)  # of sigmoids, the set of labels
    if not np.array_equal(said, label):
        raise Wrong("label", f"ours {said}, model.predict {label}\n{note(network)}")


def check_lrp(subject: Subject, network: Network) -> None:
    """LRP-ε: shape, finite, and a gap that is what it says.

    Raises:
      Wrong: it is not.
    """
    explainer = tff.explain("lrp_epsilon", network)
    maps = explainer(subject.x, 0)
    check_shapes(maps, subject.x)
    gap = explainer.gap(subject.x, 0, maps)
    due = total(maps) - reference.classes(subject.logits)[:, 0]

    def own() -> np.ndarray:
        return total(maps) - score_of_0(subject.twin, subject.x)

    if not close(subject, gap, due, own, absolute(maps)):
        raise Wrong(
            "gap", f"ours {gap}, by Keras' logit {due}, of {absolute(maps)}\n{note(network)}"
        )


def check_deeplift(subject: Subject, network: Network) -> None:
    """DeepLIFT: shape, finite, and a sum of S(x) - S(0).

    Raises:
      Wrong: it is not.
    """
    maps = tff.explain("deeplift_rescale", network)(subject.x, 0)
    check_shapes(maps, subject.x)

    def due(twin: keras.Model) -> np.ndarray:
        return score_of_0(twin, subject.x) - score_of_0(twin, reference.nothing(subject.x))

    at_0 = score_of_0(subject.exact, reference.nothing(subject.x))
    exact, ours = reference.classes(subject.logits)[:, 0] - at_0, total(maps)
    if not close(subject, ours, exact, lambda: due(subject.twin), absolute(maps)):
        raise Wrong("sum", f"ours {ours}, Keras {exact}, of {absolute(maps)}\n{note(network)}")


def score_of_0(twin: keras.Model, x: Any) -> np.ndarray:
    """The logit [B] of class 0."""
    return reference.logits(twin, x)[:, 0]


def close(
    subject: Subject,
    ours: Any,
    exact: np.ndarray,
    own: Callable[[], np.ndarray],
    size: np.ndarray | float = 0.0,
) -> bool:
    """Whether numbers are Keras' ones, up to rounding.

    Args:
      subject: for its precision.
      ours: the engine's numbers.
      exact: Keras' in float64.
      own: Keras' in the model's precision, asked for where the two differ: how far rounding
        alone takes Keras itself (past a kink, say) is allowed on top.
      size: of the terms that the numbers are sums of, where they are.
    """
    ours = np.asarray(ours, np.float64)
    allowed = tolerance(subject) * np.maximum(size, np.abs(exact).max())
    if np.all(np.abs(ours - exact) <= allowed):
        return True
    rounded = own()
    slack = allowed + 2 * np.abs(rounded - exact).max()
    return bool(np.all(np.minimum(np.abs(ours - exact), np.abs(ours - rounded)) <= slack))


def compare(maps: Any, subject: Subject, network: Network, target: np.ndarray, what: str) -> None:
    """A gradient map against Keras' tape, in the model's precision or in float64."""
    exact = tf.nest.flatten(reference.gradient(subject.exact, subject.x, target))

    def own(i: int) -> np.ndarray:
        return tf.nest.flatten(reference.gradient(subject.twin, subject.x, target))[i]

    for i, m in enumerate(tf.nest.flatten(maps)):
        if not close(subject, m, exact[i], partial(own, i), 1e-6):
            off = np.abs(m - exact[i]).max() / np.abs(exact[i]).max()
            raise Wrong(what, f"off by {off:.2g} of the largest entry\n{note(network)}")


def check_shapes(maps: Any, x: Any) -> None:
    """The nesting, shapes and dtype of `x`, all finite."""
    try:
        tf.nest.assert_same_structure(maps, x)
    except (TypeError, ValueError) as error:
        raise Wrong("a map of another nesting", str(error)) from error
    for m, leaf in zip(tf.nest.flatten(maps), tf.nest.flatten(x), strict=True):
        if m.shape != leaf.shape:
            raise Wrong("a map of another shape", f"{m.shape}, not {leaf.shape}")
        if leaf.dtype.kind == "f" and m.dtype != leaf.dtype:
            raise Wrong("a map of another dtype", f"{m.dtype}, not {leaf.dtype}")
        if not np.isfinite(m).all():
            raise Wrong("a map that is not finite")


def tolerance(subject: Subject) -> float:
    """What rounding may do, as a share of the largest number involved."""
    return TOLERANCE[subject.recipe.policy.removeprefix("mixed_")]


def note(network: Network) -> str:
    """What the engine says of the head."""
    return f"head: {network.head}"


def total(maps: Any) -> np.ndarray:
    """The sum [B] of a map."""
    return sum(np.asarray(m, np.float64).reshape(len(m), -1).sum(1) for m in tf.nest.flatten(maps))


def absolute(maps: Any) -> np.ndarray:
    """The sum [B] of a map's absolute values."""
    return total(tf.nest.map_structure(np.abs, maps))
