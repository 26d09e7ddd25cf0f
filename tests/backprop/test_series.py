"""Two axes of an input: times and values, or rows and columns of a grey picture."""

from __future__ import annotations

import keras
import pytest

from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.series import reads_series

L = keras.layers


@pytest.mark.parametrize(
    ("first", "answer"),
    [
        ([L.Conv1D(2, 3, activation="relu"), L.Flatten()], True),
        ([L.Rescaling(0.5), L.Conv1D(2, 3), L.Flatten()], True),
        ([L.BatchNormalization(), L.GlobalAveragePooling1D()], True),
        ([L.Dense(4), L.Flatten()], True),
        ([L.Flatten()], False),
        ([L.Reshape((6, 5, 1)), L.Conv2D(2, 3), L.Flatten()], False),
        ([L.Rescaling(0.5), L.Reshape((6, 5, 1)), L.Conv2D(2, 3), L.Flatten()], False),
    ],
)
def test_what_reads_the_input_first_tells(first: list[keras.Layer], answer: bool) -> None:
    graph = as_network(keras.Sequential([keras.Input((6, 5)), *first, L.Dense(3)])).whole
    assert graph is not None
    assert reads_series(graph) is answer
