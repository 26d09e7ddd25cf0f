"""Maps that are computed as asked and are yet nothing to go by: said, never only shown."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.errors import ExplanationWarning
from tf_fragile.explainers.contract import Method

FAR = 1e3  # times the logit: no share of it is as large, unless shares cancel by the thousand
_SMALL = 10.0  # maps without a larger entry are not compared: a logit costs a forward pass


def doubts(
    name: str, method: Method, network: Network, x: Any, target: tf.Tensor, maps: Any
) -> tuple[str, ...]:
    """What makes each map of a batch no explanation: a clause a sample, empty where nothing does.

    Args:
      name: the explainer's.
      method: its settings.
      network: what was explained.
      x: inputs [B, ...].
      target: int32 [B].
      maps: in the nesting of `x`.
    """
    flat = [np.asarray(leaf) for leaf in tf.nest.flatten(maps)]
    rows = np.concatenate([leaf.reshape(len(leaf), -1) for leaf in flat], axis=1)
    found = [""] * len(rows)
    if rows.shape[1] > 1:
        for i in np.flatnonzero((rows == rows[:, :1]).all(axis=1)):
            what = "zero" if rows[i, 0] == 0 else "the same"
            found[i] = f"is {what} everywhere and says nothing about model {network.model.name!r}"
    largest = np.abs(rows).max(axis=1, initial=0)
    if hasattr(method, "gap") and largest.max(initial=0) > _SMALL:
        score = np.abs(network.score(x, target).numpy())
        for i in np.flatnonzero(largest > FAR * np.maximum(score, 1e-12)):
            found[i] = (
                f"has entries up to {largest[i]:.1e} for a logit of {score[i]:.1e}: shares of it "
                f"that cancel, not evidence; see the conventions of {name} for other settings"
            )
    return tuple(found)


def sentences(name: str, found: tuple[str, ...]) -> list[str]:
    """One sentence for each kind of doubt about the maps of a batch, by its first sample."""
    kinds: dict[str, list[int]] = {}
    for i, clause in enumerate(found):
        if clause:
            kinds.setdefault(clause.split()[0], []).append(i)
    return [f"The {name} map of {_samples(at)} {found[at[0]]}." for at in kinds.values()]


def _samples(indices: list[int]) -> str:
    if len(indices) == 1:
        return f"sample {indices[0]} of the batch"
    return f"sample {indices[0]} of the batch (and of {len(indices) - 1} more)"


@contextmanager
def unsaid() -> Iterator[None]:
    """Inside it nobody is warned of maps: for callers that hand doubts on themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExplanationWarning)
        yield
