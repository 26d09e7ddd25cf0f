"""A model and data that are given as objects, in place of names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from tf_fragile.data.arrays import Parts
from tf_fragile.data.source import Source
from tf_fragile.models.zoo import ZooEntry

Open = Callable[[Any, Parts, int | None], Source | None]
"""Makes a source of a sample's shape, the inputs that it holds and the number of outputs."""


@dataclass(frozen=True, eq=False)
class Objects:
    """What was given as such.

    Attributes:
      model: a network; `None` where settings name one.
      source: opens the data; gives `None` where settings name some.
    """

    model: keras.Model | None = None
    source: Open = lambda shape, parts, outputs: None


NOTHING = Objects()


def entry_of(model: keras.Model) -> ZooEntry:
    """What is known of a model that comes as an object: no more than of a file."""
    return ZooEntry(
        name=model.name,
        build=lambda: model,
        input_shape=None,
        preprocessing=None,
        num_classes=None,
        description=f"The Keras model {model.name!r}.",
    )
