"""Which images of a source are looked at."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Source, choose
from tf_fragile.errors import InputError
from tf_fragile.models.batch import fixed_batch

_CHUNK = 16


def sample_positions(
    source: Source, network: Network, num: int | None, *, only_correct: bool, seed: int = 0
) -> np.ndarray:
    """Positions, ascending, of `num` images that can be attacked and of those passed over.

    Images are drawn in a random order, without replacement, until `num` of them are classified
    correctly (images without a label count as such), as the paper attacks only those. The ones
    passed over on the way are returned too, so that a record says how many there were.

    Args:
      source: where the images come from.
      network: the classifier.
      num: how many images to attack; `None` for every image of the source.
      only_correct: whether misclassified images are passed over.
      seed: of the order.

    Raises:
      InputError: the source has fewer images than asked for, or fewer classified correctly.
    """
    if num is None or not only_correct:
        return choose(source, num, seed)
    choose(source, num, seed)  # refuses numbers that do not fit the source
    order = np.random.default_rng(seed).permutation(len(source))
    fixed = fixed_batch(network.model)
    size = fixed or _CHUNK
    taken, correct = 0, 0
    while correct < num and taken < len(order):
        wanted = order[taken : taken + size]
        # A model of a fixed batch size gets full batches: the last one is filled up with repeats.
        batch = source.load(np.resize(wanted, size) if fixed else wanted)
        predicted = network.predict(tf.constant(batch.image)).numpy()
        right_ones = (batch.label < 0) | (batch.label == predicted)
        for right in right_ones[: len(wanted)]:
            taken += 1
            correct += bool(right)
            if correct == num:
                break
    if correct < num:
        raise InputError(
            f"Only {correct} of the {len(source)} images of {source.name!r} are classified "
            f"correctly, {num} were asked for; ask for fewer, or set --only_correct=false, or "
            "check --preprocessing."
        )
    return np.sort(order[:taken]).astype(np.int64)
