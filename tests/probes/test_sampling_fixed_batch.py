"""A model of a fixed batch size is never given another."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.sources import open_source
from tf_fragile.probes.sampling import draw


def network(batch: int | None):
    x = keras.Input(batch_shape=(batch, 4, 4, 3))
    rows = keras.ops.reshape(x, (batch or -1, 48))  # a reshape that any other batch breaks
    return as_network(keras.Model(x, keras.layers.Dense(3, kernel_initializer="orthogonal")(rows)))


@pytest.mark.parametrize("num", [1, 4, 5])
def test_the_sample_is_that_of_the_same_model_with_a_free_batch_size(tmp_path, num) -> None:
    images = np.random.default_rng(0).integers(0, 255, (7, 4, 4, 3), dtype=np.uint8)
    free, fixed = network(None), network(3)
    fixed.model.set_weights(free.model.get_weights())
    labels = free.predict(images.astype(np.float32)).numpy()
    labels[:2] = (labels[:2] + 1) % 3
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    source = open_source(
        f"npz:{tmp_path / 'x.npz'}", preprocessing=PREPROCESSINGS["raw"], image_shape=(4, 4, 3)
    )
    drawn = [draw(source, net, num, only_correct=True).positions for net in (free, fixed)]
    np.testing.assert_array_equal(*drawn)
    assert (~draw(source, fixed, 6, only_correct=True).passed_over).sum() == 5
