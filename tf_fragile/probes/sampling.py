"""Which images of a source are looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Source, choose
from tf_fragile.errors import InputError
from tf_fragile.models.batch import fixed_batch

_CHUNK = 16


@dataclass(frozen=True, eq=False)
class Drawn:
    """The images that are looked at, and what the model says of them.

    Attributes:
      positions: in the source, ascending [N] int64; those to attack and those passed over.
      label: the true class of each, -1 where none is known [N] int64.
      predicted: what the model calls each [N].
      only_correct: whether misclassified images are passed over.
    """

    positions: np.ndarray
    label: np.ndarray
    predicted: np.ndarray
    only_correct: bool

    @property
    def passed_over(self) -> np.ndarray:
        """Whether each is left out of the attacks [N]: the model calls it what it is not."""
        return (self.label >= 0) & (self.label != self.predicted) & self.only_correct


def draw(
    source: Source, network: Network, num: int | None, *, only_correct: bool, seed: int = 0
) -> Drawn:
    """Draws `num` images that can be attacked, and with them those passed over on the way.

    Images are drawn in a random order, without replacement, until `num` of them are classified
    correctly (images without a label count as such), as the paper attacks only those. Where there
    are fewer, all of them are taken.

    Args:
      source: where the images come from.
      network: the classifier.
      num: how many images to attack; `None` for every image of the source.
      only_correct: whether misclassified images are passed over.
      seed: of the order.

    Raises:
      InputError: `num` is below 1, no image is left to attack, or the model tells no classes apart.
    """
    if network.task != "classes":
        gives = "numbers" if network.task == "regression" else "a set of labels an image"
        raise InputError(
            f"An audit compares one label an image, but model {network.model.name!r} gives "
            f"{gives}; attack it from Python (tff.explain, tff.attack)."
        )
    size = len(source)
    if num is not None and only_correct and num >= 1:
        order, wanted = np.random.default_rng(seed).permutation(size), num
    else:
        order = choose(source, None if num is None else min(num, size), seed)
        wanted = size + 1  # all of them are looked at, whatever the model says
    label, predicted = _looked_at(source, network, order, wanted, only_correct)
    taken = order[: len(label)]
    ascending = np.argsort(taken)
    drawn = Drawn(
        taken[ascending].astype(np.int64), label[ascending], predicted[ascending], only_correct
    )
    if drawn.passed_over.all():
        raise InputError(
            f"None of the {size} images of {source.name!r} is classified correctly, so there is "
            "nothing to attack; check --preprocessing and the labels, or set --only_correct=false."
        )
    return drawn


def _looked_at(
    source: Source, network: Network, order: np.ndarray, wanted: int, only_correct: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions in the given order, up to the `wanted`-th that can be attacked."""
    fixed = fixed_batch(network.model)
    size = fixed or _CHUNK
    labels: list[int] = []
    predictions: list[int] = []
    correct = 0
    for begin in range(0, len(order), size):
        chunk = order[begin : begin + size]
        # A model of a fixed batch size gets full batches: the last one is filled up with repeats.
        batch = source.load(np.resize(chunk, size) if fixed else chunk)
        predicted = network.predict(tf.constant(batch.image)).numpy()
        for label, says in list(zip(batch.label, predicted, strict=True))[: len(chunk)]:
            labels.append(int(label))
            predictions.append(int(says))
            correct += not only_correct or label < 0 or label == says
            if correct == wanted:
                return np.asarray(labels), np.asarray(predictions)
    return np.asarray(labels), np.asarray(predictions)
