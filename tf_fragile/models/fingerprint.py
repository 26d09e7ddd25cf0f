"""A digest of a model, so that a record says which one it is about."""

from __future__ import annotations

import hashlib

import keras
import numpy as np


def fingerprint(model: keras.Model) -> str:
    """SHA-256 of the model's weights and, where it has one, its configuration.

    Args:
      model: a built Keras model.

    Returns:
      64 hexadecimal digits. Names of layers and variables do not count, their order does.
    """
    digest = hashlib.sha256()
    for layer in model.layers:
        digest.update(type(layer).__name__.encode())
    for weight in model.get_weights():
        array = np.ascontiguousarray(weight)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
