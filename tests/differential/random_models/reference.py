"""Scores, decisions and gradients from Keras alone: the user's model, its twin, and a tape."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from random_models.subject import Subject, kept_state, outputs


def decision(subject: Subject, x: Any = None) -> np.ndarray:
    """The label [B] that a user reads off the outputs; for an `x`, those of `model.predict`."""
    y = subject.y
    if x is not None:
        with kept_state(subject.model):
            y = outputs(subject.model.predict(x, verbose=0, batch_size=len(y)))
    return (y[:, 0] > 0.5).astype(int) if y.shape[-1] == 1 else y.argmax(-1)


def kept_labels(subject: Subject, x: Any) -> np.ndarray:
    """What a label-keeping attack must not change, [B, ...]."""
    if "sigmoids" in subject.recipe.head:
        with kept_state(subject.model):
            return outputs(subject.model(x, training=False)) > 0.5
    return decision(subject, x)


def logits(twin: keras.Model, x: Any) -> np.ndarray:
    """Logits [B, classes] of a twin."""
    with kept_state(twin):
        return classes(outputs(twin(x, training=False)))


def classes(z: np.ndarray) -> np.ndarray:
    """Logits [B, classes]: (-z, z) for one unit, which is how a two-class model is explained."""
    return np.concatenate([-z, z], -1) if z.shape[-1] == 1 else z


def gradient(twin: keras.Model, x: Any, target: np.ndarray) -> Any:
    """The derivative of the target's logit by Keras' own tape, in the nesting of `x`, float64.

    Zeros where the tape finds no way from the logit to an input.
    """
    given = tf.nest.map_structure(tf.convert_to_tensor, x)
    with kept_state(twin):
        found = _tape(twin, given, target)
    return tf.nest.map_structure(lambda g: tf.cast(g, tf.float64).numpy(), found)


def _tape(twin: keras.Model, x: Any, target: np.ndarray) -> Any:
    def differentiate() -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            (z,) = tf.nest.flatten(twin(x, training=False))
            both = tf.concat([-z, z], -1) if z.shape[-1] == 1 else z
            score = tf.gather(both, target, batch_dims=1)
        return tape.gradient(score, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    eager = tf.config.functions_run_eagerly()
    if eager:
        return differentiate()
    return tf.function(differentiate, autograph=False)()


def nothing(x: Any) -> Any:
    """Zeros in place of `x`, DeepLIFT's usual reference."""
    return tf.nest.map_structure(np.zeros_like, x)
