"""What a figure is about: a network of the zoo, its data, and the images to attack."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Source
from tf_fragile.data.sources import open_source
from tf_fragile.errors import InputError
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.models import zoo

_BATCH = 16


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and its data.

    Attributes:
      name: the network's name in the zoo.
      model: the network.
      source: the data in its units.
    """

    name: str
    model: keras.Model
    source: Source

    @cached_property
    def network(self) -> Network:
        """The score function."""
        return as_network(self.model)

    def class_name(self, label: int) -> str:
        """The name of a label for people."""
        names = self.source.class_names
        return f"class {label}" if names is None else names[label].replace("_", " ")


@dataclass(frozen=True)
class Selection:
    """Images chosen for an attack.

    Attributes:
      positions: their positions in the source, in the order they were drawn.
      examined: how many images were looked at to find them.
      misclassified: how many of these the network got wrong.
      unsure: how many it got right with too little confidence.
    """

    positions: tuple[int, ...]
    examined: int
    misclassified: int
    unsure: int = 0


def said(selection: Selection) -> str:
    """How images were chosen, in words."""
    left_out = [f"{selection.misclassified} misclassified"]
    if selection.unsure:
        left_out.append(f"{selection.unsure} with too little confidence")
    return (
        f"{len(selection.positions)} images; {selection.examined} examined, left out: "
        f"{', '.join(left_out)}"
    )


def facts(subject: Subject, selection: Selection) -> dict[str, Any]:
    """What a manifest says of network, data and images, as JSON values."""
    return {
        "model": subject.name,
        "data": subject.source.name,
        "images": {
            "chosen": list(selection.positions),
            "examined": selection.examined,
            "misclassified": selection.misclassified,
            "unsure": selection.unsure,
            "unreadable": len(subject.source.skipped),
        },
    }


def open_subject(
    model: str, *, weights: str | None, data: str, data_dir: str | None = None, **options: Any
) -> Subject:
    """Loads a network of the zoo and opens its data.

    Args:
      model: a name of the zoo.
      weights: a file of weights; may be `None` only for `embedded`.
      data: a source such as `folder:DIR` or `tfds:cifar10/test`.
      data_dir: where prepared TFDS data sets lie.
      **options: settings of the network, e.g. `width`.

    Raises:
      InputError: if one of them can't be used.
    """
    entry = zoo.entry(model)
    if entry.input_shape is None or entry.preprocessing is None:
        raise InputError(f"{model!r} has no fixed input and preprocessing; use a name of the zoo.")
    loaded = zoo.load(model, weights=weights, **options)
    source = open_source(
        data,
        preprocessing=PREPROCESSINGS[entry.preprocessing],
        image_shape=entry.input_shape,
        reading=Reading.evaluated(entry.short_side),
        data_dir=data_dir,
    )
    return Subject(model, loaded, source)


def opened(asked: Asked, **options: Any) -> Subject:
    """The network and the data that the flags of a figure ask for.

    Args:
      asked: a figure with flags for `Images`, one file of weights at most.
      **options: settings of the network, e.g. `width`.

    Raises:
      InputError: if one of them can't be used.
    """
    given = asked.given
    return open_subject(
        asked.model, weights=given.weights, data=given.data, data_dir=given.data_dir, **options
    )


def choose_correct(
    subject: Subject, num: int, *, seed: int = 0, confidence: float = 0.0
) -> Selection:
    """The first `num` images, in an order drawn from `seed`, that the network gets right.

    A smaller `num` gives the first ones of a larger. Images without a label count as right.

    Args:
      subject: network and data.
      num: how many.
      seed: of the order.
      confidence: least probability of the right class.

    Raises:
      InputError: if there are not that many.
    """
    order = np.random.default_rng(seed).permutation(len(subject.source))
    chosen: list[int] = []
    examined = wrong = unsure = 0
    for start in range(0, len(order), _BATCH):
        batch = subject.source.load(order[start : start + _BATCH])
        logits = subject.network.logits(batch.image)
        top = subject.network.probabilities(logits).numpy().max(axis=1)
        predicted = logits.numpy().argmax(axis=1)
        for i, position in enumerate(batch.index):
            examined += 1
            if batch.label[i] >= 0 and batch.label[i] != predicted[i]:
                wrong += 1
            elif top[i] < confidence:
                unsure += 1
            else:
                chosen.append(int(position))
            if len(chosen) == num:
                return Selection(tuple(chosen), examined, wrong, unsure)
    sure = f" with a confidence of {confidence:g} or more" if confidence else ""
    raise InputError(
        f"{num} images were asked for, but of the {examined} in {subject.source.name!r} the "
        f"network gets only {len(chosen)} right{sure}; lower --num_images or give more data."
    )
