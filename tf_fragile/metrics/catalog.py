"""The registered metrics: what each is called, which way is better, and how two maps have it.

    METRICS.register("sign_agreement", Metric("agreement of signs", of=agreement, share=True))

Tables, curves, figures and reports take from here what they call a metric. One with `of` is
computed of every pair of a clean and a perturbed map, whoever registered it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError, shown, unknown_name
from tf_fragile.metrics.similarity import (
    above_chance,
    center_shift,
    chance_top_k,
    cosine,
    lens_precision,
    lens_recall,
    spearman,
    ssim,
    top_k_intersection,
)
from tf_fragile.metrics.top_k import LIMITS
from tf_fragile.registry import Registry

Of = Callable[[tf.Tensor, tf.Tensor, int], Any]
Better = Literal["higher", "lower", "none"]


@dataclass(frozen=True)
class Metric:
    """A number of an explanation, by its name in records.

    Attributes:
      title: what people call it.
      unit: of its values, empty where they have none.
      text: what it is, one line.
      better: which way speaks for an explainer.
      share: whether it is drawn and written as one of 1.
      same: of a map and itself; `None` where that says nothing.
      limits: between which numbers it lies; `None` where that is not known beforehand.
      chance: of two maps of `size` entries that have nothing to do with each other, by size and k;
        `None` where it has no such level.
      of: from clean maps [B, ...], perturbed ones and the k of the top-k overlap to [B] numbers, or
        to `None` where such maps have none; `None` where it is no matter of two maps.
      summarised: whether tables and curves of an audit have it.
    """

    title: str
    unit: str = ""
    text: str = ""
    better: Better = "none"
    share: bool = False
    same: float | None = None
    limits: tuple[float, float] | None = None
    chance: Callable[[int, int], float] | None = None
    of: Of | None = None
    summarised: bool = False

    def __post_init__(self) -> None:
        if self.better not in get_args(Better):
            raise unknown_name("way of a metric to be better", self.better, get_args(Better))
        if not (self.of is None or callable(self.of)):
            raise InputError(
                f"of of a Metric is {shown(self.of)}; give a function of clean maps, perturbed "
                "maps and k."
            )

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


METRICS: Registry[Metric] = Registry("metric", Metric)


def summarised() -> tuple[str, ...]:
    """The metrics that tables and curves have, in the order of their registration."""
    return tuple(name for name in METRICS.registered() if METRICS[name].summarised)


def titles() -> dict[str, str]:
    """What every metric is called, in the order of their registration."""
    return {name: METRICS[name].heading for name in METRICS.registered()}


def heading_of(name: str) -> str:
    """What people call a metric; its name where nobody registered it."""
    return METRICS[name].heading if name in METRICS else name


def is_share(name: str) -> bool:
    """Whether a metric is written as a share of 1; so is one that nobody registered."""
    return name not in METRICS or METRICS[name].share


def limits_of(name: str) -> tuple[float, float] | None:
    """Between which numbers a metric lies, `None` where that is not known beforehand."""
    return METRICS[name].limits if name in METRICS else None


def similarities(clean: tf.Tensor, perturbed: tf.Tensor, k: int) -> dict[str, np.ndarray]:
    """Every metric of two maps that these have.

    Args:
      clean: maps [B, ...].
      perturbed: of the same shape.
      k: of the top-k overlap.

    Returns:
      By name, [B].

    Raises:
      InputError: a metric gives something else than a number a pair of maps.
    """
    values: dict[str, np.ndarray] = {}
    for name in METRICS.registered():
        compare = METRICS[name].of
        found = None if compare is None else compare(clean, perturbed, k)
        if found is not None:
            values[name] = _numbers(name, found, int(clean.shape[0]))
    return values


def _numbers(name: str, found: Any, pairs: int) -> np.ndarray:
    numbers = np.asarray(found)
    if numbers.shape != (pairs,) or numbers.dtype.kind not in "fiub":
        raise InputError(
            f"The metric {name!r} gives an array of shape {numbers.shape} and dtype "
            f"{numbers.dtype.name} for {pairs} pairs of maps; it has to give a number a pair, or "
            "None where such maps have none."
        )
    return numbers


def _corrected(clean: tf.Tensor, perturbed: tf.Tensor, k: int) -> np.ndarray | None:
    size = clean.shape[1:].num_elements()
    if k >= size:
        return None
    overlaps: np.ndarray = top_k_intersection(clean, perturbed, k).numpy()
    corrected: np.ndarray = above_chance(overlaps, size, k)
    return corrected


def _of_images(compare: Of) -> Of:
    def of(clean: tf.Tensor, perturbed: tf.Tensor, k: int) -> Any:
        return compare(clean, perturbed, k) if clean.shape.rank == 3 else None

    return of


def _ssim(clean: tf.Tensor, perturbed: tf.Tensor, k: int) -> np.ndarray | None:
    smallest = 3  # side of a window
    return ssim(clean.numpy(), perturbed.numpy()) if min(clean.shape[1:]) >= smallest else None


METRICS.register(
    "top_k_intersection",
    Metric(
        "top-k overlap",
        text="The share of the k largest entries that two maps have in common.",
        better="higher",
        share=True,
        same=1.0,
        limits=LIMITS,
        chance=chance_top_k,
        of=top_k_intersection,
        summarised=True,
    ),
)
METRICS.register(
    "spearman",
    Metric(
        "rank correlation",
        text="Spearman's, over all entries of two maps.",
        better="higher",
        share=True,
        same=1.0,
        limits=(-1.0, 1.0),
        chance=lambda size, k: 0.0,
        of=lambda clean, perturbed, k: spearman(clean, perturbed),
        summarised=True,
    ),
)
METRICS.register(
    "cosine",
    Metric(
        "cosine",
        text="Of the angle between two maps.",
        better="higher",
        share=True,
        same=1.0,
        limits=(-1.0, 1.0),
        of=lambda clean, perturbed, k: cosine(clean, perturbed),
    ),
)
METRICS.register(
    "top_k_chance_corrected",
    Metric(
        "top-k overlap above chance",
        text="The overlap rescaled so that unrelated maps have 0.",
        better="higher",
        share=True,
        same=1.0,
        chance=lambda size, k: 0.0,
        of=_corrected,
    ),
)
METRICS.register(
    "lens_recall",
    Metric(
        "LENS recall",
        text="The share of the clean map's top k that has one of the other's nearby.",
        better="higher",
        share=True,
        same=1.0,
        limits=(0.0, 1.0),
        of=_of_images(lens_recall),
    ),
)
METRICS.register(
    "lens_precision",
    Metric(
        "LENS precision",
        text="The share of the perturbed map's top k that has one of the other's nearby.",
        better="higher",
        share=True,
        same=1.0,
        limits=(0.0, 1.0),
        of=_of_images(lens_precision),
    ),
)
METRICS.register(
    "center_shift",
    Metric(
        "centre shift",
        unit="px",
        text="How far the centre of mass moved.",
        better="lower",
        same=0.0,
        of=_of_images(lambda clean, perturbed, k: center_shift(clean, perturbed)),
        summarised=True,
    ),
)
METRICS.register(
    "ssim",
    Metric(
        "SSIM",
        text="Mean structural similarity of two maps.",
        better="higher",
        share=True,
        same=1.0,
        of=_of_images(_ssim),
    ),
)
METRICS.register("objective", Metric("objective", text="What the attack made larger."))
METRICS.register("success", Metric("success", text="Whether the attack moved, label kept."))
METRICS.register("stuck", Metric("stuck", text="Whether no step of the attack went anywhere."))
METRICS.register(
    "steps_to_best", Metric("steps to the best", text="After how many steps the best was found.")
)
METRICS.register(
    "gradient_evaluations", Metric("derivatives", text="Of the objective, taken by the attack.")
)
METRICS.register("model_gradients", Metric("gradients", text="Of a score, taken by the attack."))
METRICS.register("scoring_evaluations", Metric("maps", text="Computed to score iterates."))
METRICS.register(
    "forward_equivalents", Metric("forward passes", text="That the attack amounts to.")
)
METRICS.register("confidence_before", Metric("confidence before", text="In the label, clean."))
METRICS.register("confidence_after", Metric("confidence after", text="In the label, perturbed."))
METRICS.register("excluded", Metric("left out", text="Whether the image was left out."))
METRICS.register("doubt", Metric("doubt", text="Whether the clean map is nothing to go by."))
METRICS.register(
    "linf", Metric("L-infinity", text="The largest change of an input entry, in input units.")
)
METRICS.register("l2", Metric("L2", text="The length of the change of the input, in input units."))
METRICS.register(
    "smallest_epsilon",
    Metric(
        "smallest epsilon",
        text="The radius at which half of the top-k overlap is gone, in input units.",
        better="higher",
    ),
)
METRICS.register(
    "gap",
    Metric("completeness gap", unit="logits", text="How far a map's sum is from what is due."),
)
