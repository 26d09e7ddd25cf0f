"""What the zoo knows about a network besides its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras


@dataclass(frozen=True)
class ZooEntry:
    """A network that can be built by name.

    Attributes:
      name: what it is called.
      build: builds it with fresh weights; takes the entry's options as keyword arguments.
      input_shape: `(H, W, C)` of one image; `None` where only the built model tells.
      preprocessing: name of the preprocessing it expects; `None` where the user must say.
      num_classes: how many logits it has; `None` where only the built model tells.
      description: one line for people.
      class_index: name of the table that names the labels (`data.class_index`), e.g. `"imagenet"`,
        if there is one.
      short_side: of pictures before their centre is cut out (`data.Reading.evaluated`), in pixels;
        `None` where pictures are not cut.
      stored_as: variables' names in the network's public weights, where Keras has others, and
        Keras's, e.g. `{"mean": "moving_mean"}`.
    """

    name: str
    build: Callable[..., keras.Model]
    input_shape: tuple[int, int, int] | None
    preprocessing: str | None
    num_classes: int | None
    description: str
    class_index: str | None = None
    short_side: int | None = None
    stored_as: Mapping[str, str] = field(default_factory=dict)
