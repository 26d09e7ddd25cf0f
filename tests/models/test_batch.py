"""The batch size that a model was built for."""

from __future__ import annotations

import keras

from tf_fragile.models.batch import fixed_batch


def model(*inputs: keras.KerasTensor) -> keras.Model:
    return keras.Model(list(inputs), [keras.layers.Flatten()(x) for x in inputs])


def test_a_fixed_batch_size_is_read_from_the_inputs() -> None:
    assert fixed_batch(model(keras.Input(batch_shape=(2, 3)))) == 2
    mixed = model(keras.Input((3,)), keras.Input(batch_shape=(5, 3)))
    assert fixed_batch(mixed) == 5


def test_a_free_or_unknown_batch_size_is_none() -> None:
    assert fixed_batch(model(keras.Input((3,)))) is None

    class Own(keras.Model):
        def call(self, x):
            return x

    assert fixed_batch(Own()) is None
