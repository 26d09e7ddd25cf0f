"""What an attack has to leave as it is: a label, a set of labels, or numbers to within a tolerance.

Labels and numbers are those of the user's own model. Inside the loop, where every forward pass
counts, a label is read off the logits; whether an attack succeeded is asked of the model itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.errors import InputError


@dataclass(frozen=True)
class Kept:
    """What is kept of a network's output.

    Attributes:
      task: the network's: `"classes"`, the label is kept; `"labels"`, the set of labels whose
        output is above a half; `"regression"`, every output within `tolerance`.
      tolerance: how far a regression's outputs may move, in units of the output.
    """

    task: str = "classes"
    tolerance: float | None = None

    def of(self, network: Network, x: tf.Tensor) -> tf.Tensor:
        """What has to be kept of clean inputs: int32 [N], bool [N, C] or float [N, units]."""
        return network.predict(x)

    def judged(
        self, network: Network, x: tf.Tensor, label: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Whether `x` [N, ...] keeps `label`, bool [N], and its margin [N] in the dtype of `x`."""
        if self.task == "regression":
            left = self.margin(network, x, label)
            return left >= 0, left
        logits = network.logits(x)
        if self.task == "labels":
            kept = tf.reduce_all((logits > 0) == label, -1)
            return kept, tf.cast(labels_margin(logits, label), x.dtype)
        # Not the margin's sign: the arg max settles ties as the model's own label does.
        kept = tf.argmax(logits, -1, output_type=tf.int32) == label
        return kept, tf.cast(margin(logits, label), x.dtype)

    def margin(self, network: Network, x: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        """[N], in the dtype of `x`: how far inside the region where `label` is kept; derivable."""
        if self.task == "regression":
            moved = tf.abs(tf.cast(network.outputs(x), x.dtype) - tf.cast(label, x.dtype))
            return tf.cast(self.tolerance, x.dtype) - tf.reduce_max(moved, -1)
        of = labels_margin if self.task == "labels" else margin
        return tf.cast(of(network.logits(x), label), x.dtype)

    def same(self, found: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Bool [N]: whether what `of` gives for other inputs is the same in this sense."""
        if self.task == "regression":
            moved = np.abs(found.astype(np.float64) - label).max(axis=-1)
            return np.asarray(moved <= float(self.tolerance or 0.0))
        equal = np.asarray(found == label)
        return equal if label.ndim == 1 else np.asarray(equal.all(axis=-1))

    def said(
        self, network: Network, x: tf.Tensor, target: tf.Tensor, label: tf.Tensor
    ) -> tf.Tensor:
        """[N], one number of the user's own output for `x`, called as `names` has it.

        The probability of the label, the mean probability of the decisions of a set of labels, or
        the number whose map is explained.
        """
        outputs = network.outputs(x)
        if self.task == "regression":
            unit = tf.minimum(target, outputs.shape[-1] - 1)
            return tf.gather(outputs, unit, batch_dims=1)
        shares = probabilities(network, outputs)
        if self.task == "labels":
            return tf.reduce_mean(tf.where(label, shares, 1 - shares), -1)
        return tf.gather(shares, label, batch_dims=1)

    @property
    def names(self) -> tuple[str, str]:
        """What `said` is called for the clean and for the perturbed input."""
        what = "output" if self.task == "regression" else "confidence"
        return f"{what}_before", f"{what}_after"


def kept_by(network: Network, tolerance: float | None) -> Kept:
    """What an attack on `network` has to keep.

    Raises:
      InputError: a regression without a tolerance, or a tolerance for a model that has labels.
    """
    name = network.model.name
    if network.task == "regression" and tolerance is None:
        raise InputError(
            f"Model {name!r} predicts numbers, so an attack on it has no label to keep; give "
            "tolerance=, how far its outputs may move, in their units."
        )
    if network.task != "regression" and tolerance is not None:
        raise InputError(
            f"tolerance= is how far the outputs of a regression may move, but model {name!r} "
            "predicts labels, which an attack keeps; leave it out."
        )
    return Kept(network.task, tolerance)


def margin(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """[N]: the logit of `label` minus the largest other one; positive where the label is kept."""
    is_label = tf.one_hot(label, tf.shape(logits)[-1], on_value=True, off_value=False)
    others = tf.where(is_label, tf.constant(-float("inf"), logits.dtype), logits)
    return tf.gather(logits, label, batch_dims=1) - tf.reduce_max(others, -1)


def labels_margin(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """[N]: the smallest logit [N, C], signed by whether its label is set; positive where kept."""
    return tf.reduce_min(tf.where(label, logits, -logits), -1)


def probabilities(network: Network, outputs: Any) -> tf.Tensor:
    """Class probabilities [N, classes] from what the user's own model gave, [N, units]."""
    if network.head.kind == "linear":
        if outputs.shape[-1] == 1:
            outputs = tf.concat([-outputs, outputs], -1)
        return network.probabilities(outputs)
    if network.head.kind == "log_softmax":
        return tf.exp(outputs)
    return tf.concat([1 - outputs, outputs], -1) if outputs.shape[-1] == 1 else outputs
