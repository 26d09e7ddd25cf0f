"""The batch size that a model was built for, where it has one."""

from __future__ import annotations

import keras


def fixed_batch(model: keras.Model) -> int | None:
    """How many samples a model takes at once; `None` where it takes any number.

    `keras.Input(batch_shape=(2, ...))` fixes it, as stateful recurrent networks need.
    """
    sizes = {
        tensor.shape[0]
        for tensor in keras.tree.flatten(getattr(model, "inputs", None) or [])
        if len(tensor.shape)
    }
    sizes.discard(None)
    return int(min(sizes)) if sizes else None
