"""Maps that are computed as asked and are yet nothing to go by: said, never only shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.explainers.contract import Method

FAR = 1e3  # times the logit: no share of it is as large, unless shares cancel by the thousand
_SMALL = 10.0  # maps without a larger entry are not compared: a logit costs a forward pass


def doubts(
    name: str, method: Method, network: Network, x: Any, target: tf.Tensor, maps: Any
) -> tuple[str, ...]:
    """What makes a map of a batch no explanation, one sentence each.

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
    found = []
    same = np.flatnonzero((rows == rows[:, :1]).all(axis=1))
    if len(same) and rows.shape[1] > 1:
        what = "zero" if rows[same[0], 0] == 0 else "the same"
        found.append(
            f"The {name} map of {_samples(same)} is {what} everywhere: it says nothing about model "
            f"{network.model.name!r}."
        )
    if hasattr(method, "gap") and np.abs(rows).max(initial=0) > _SMALL:
        score = np.abs(network.score(x, target).numpy())
        far = np.flatnonzero(np.abs(rows).max(axis=1) > FAR * np.maximum(score, 1e-12))
        if len(far):
            worst = far[np.argmax(np.abs(rows[far]).max(axis=1))]
            found.append(
                f"The {name} map of {_samples(far)} has entries up to "
                f"{np.abs(rows[worst]).max():.1e} for a logit of {score[worst]:.1e}: shares of it "
                f"that cancel, not evidence; see the conventions of {name} for other settings."
            )
    return tuple(found)


def _samples(indices: Any) -> str:
    if len(indices) == 1:
        return f"sample {indices[0]} of the batch"
    return f"{len(indices)} samples of the batch (sample {indices[0]} first)"
