"""Which images of a source are looked at, and what the model said of them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Source, choose
from tf_fragile.errors import InputError
from tf_fragile.models.batch import fixed_batch

_CHUNK = 16

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model said of images, in the order they were drawn.

    Attributes:
      positions: in the source [N].
      labels: true classes [N], -1 where none is known.
      predicted: the model's classes [N], -1 where it is no classifier of single classes.
      confidence: their probabilities [N] by the model's own output, NaN likewise.
      prints: a checksum of each input [N]; equal inputs have equal ones.
      low: the smallest value of all inputs, in model units; infinite where there are none.
      high: the largest.
      classes: between how many the model decides, 0 where it is no classifier of single classes.
    """

    positions: Ints
    labels: Ints
    predicted: Ints
    confidence: npt.NDArray[np.float64]
    prints: Ints
    low: float = np.inf
    high: float = -np.inf
    classes: int = 0

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Of which images the class is known and could be predicted [N]."""
        return (self.labels >= 0) & (self.predicted >= 0)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Which images are classified correctly [N]."""
        right: npt.NDArray[np.bool_] = self.labelled & (self.labels == self.predicted)
        return right

    def part(self, begin: int, end: int) -> Seen:
        """The images from `begin` on and before `end`; the range of the inputs is that of all."""
        names = ("positions", "labels", "predicted", "confidence", "prints")
        return replace(self, **{name: getattr(self, name)[begin:end] for name in names})


def joined(parts: Sequence[Seen]) -> Seen:
    """What was seen in several looks, one after the other; at least one."""
    names = ("positions", "labels", "predicted", "confidence", "prints")
    return Seen(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names},
        low=min(part.low for part in parts),
        high=max(part.high for part in parts),
        classes=max(part.classes for part in parts),
    )


def nothing_seen() -> Seen:
    """What is known before the first look."""
    none = np.empty(0, np.int64)
    return Seen(none, none, none, np.empty(0), none)


@dataclass(frozen=True, eq=False)
class Drawn:
    """The images of an audit, and what the model says of them.

    Attributes:
      positions: in the source, ascending [N]; those to attack and those passed over.
      label: the true class of each [N], -1 where none is known.
      predicted: what the model calls each [N], -1 where it is no classifier of single classes.
      only_correct: whether misclassified images are passed over.
      seen: all that was looked at to find them, in random order: whole batches, so perhaps more.
    """

    positions: Ints
    label: Ints
    predicted: Ints
    only_correct: bool
    seen: Seen

    @property
    def passed_over(self) -> npt.NDArray[np.bool_]:
        """Whether each is left out of the attacks [N]."""
        return self.wrong & self.only_correct

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Whether the model calls each what it is not [N]."""
        known = (self.label >= 0) & (self.predicted >= 0)
        wrong: npt.NDArray[np.bool_] = known & (self.label != self.predicted)
        return wrong


def check_classifies(network: Network) -> None:
    """Refuses a model that tells no classes apart.

    Raises:
      InputError: its outputs are numbers or sets of labels.
    """
    if network.task != "classes":
        gives = "numbers" if network.task == "regression" else "a set of labels an image"
        raise InputError(
            f"An audit compares one label an image, but model {network.model.name!r} gives "
            f"{gives}; attack it from Python (tff.explain, tff.attack)."
        )


def drawing_order(source: Source, seed: int) -> Ints:
    """All positions of a source in the order in which they are looked at."""
    return np.random.default_rng(seed).permutation(len(source)).astype(np.int64)


def look(source: Source, network: Network, positions: npt.ArrayLike) -> Seen:
    """Asks the user's own model about images, a few at a time.

    Args:
      source: where the images come from.
      network: the model.
      positions: of the images [N].
    """
    asked = np.asarray(positions, np.int64)
    size = fixed_batch(network.model) or _CHUNK
    chunks = [asked[begin : begin + size] for begin in range(0, len(asked), size)]
    return joined([nothing_seen(), *(_look(source, network, chunk) for chunk in chunks)])


def _look(source: Source, network: Network, positions: Ints) -> Seen:
    batch = source.load(positions)
    answer = network.outputs(tf.constant(batch.image))
    count = len(positions)
    known = network.task == "classes"
    return Seen(
        positions=batch.index,
        labels=batch.label,
        predicted=(
            network.decided(answer).numpy().astype(np.int64)
            if known
            else np.full(count, -1, np.int64)
        ),
        confidence=network.confidence(answer) if known else np.full(count, np.nan),
        prints=np.array([zlib.crc32(x.tobytes()) for x in batch.image], np.int64),
        low=float(batch.image.min()),
        high=float(batch.image.max()),
        classes=max(int(answer.shape[-1]), 2) if known else 0,
    )


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
      InputError: `num` is below 1, or the model tells no classes apart.
    """
    check_classifies(network)
    chosen = choose(source, None if num is None else min(num, len(source)), seed)
    if num is not None and only_correct:
        order, wanted = drawing_order(source, seed), num
    else:
        order = np.random.default_rng(seed).permutation(chosen)
        wanted = len(order) + 1  # all of them are looked at, whatever the model says
    seen = _look_for(source, network, order, wanted)
    usable = seen.right | ~seen.labelled
    taken = len(seen)
    if usable.sum() >= wanted:
        taken = int(np.searchsorted(np.cumsum(usable), wanted)) + 1
    ascending = np.argsort(seen.positions[:taken])
    positions, labels, predicted = (
        column[ascending] for column in (seen.positions, seen.labels, seen.predicted)
    )
    return Drawn(positions, labels, predicted, only_correct, seen)


def _look_for(source: Source, network: Network, order: Ints, wanted: int) -> Seen:
    """Looks in the given order, batch by batch, until `wanted` images can be attacked."""
    parts, usable = [nothing_seen()], 0
    size = fixed_batch(network.model) or _CHUNK
    for begin in range(0, len(order), size):
        part = look(source, network, order[begin : begin + size])
        parts.append(part)
        usable += int((part.right | ~part.labelled).sum())
        if usable >= wanted:
            break
    return joined(parts)
