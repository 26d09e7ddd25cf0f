"""Chunks of one size: what comes in goes out, and every call sees the same number of rows."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.batches import in_chunks


@pytest.mark.parametrize("total", [1, 3, 4, 9])
def test_rows_go_through_in_chunks_of_one_size_and_come_back_in_order(total: int) -> None:
    seen = []

    def double(given):
        x, (y,) = given
        seen.append(x.shape[0])
        return {"x": 2 * x, "y": (y + 1,)}

    x, y = tf.range(total), tf.random.stateless_normal([total, 2], [1, 2])
    result = in_chunks(double, 4, (x, (y,)))
    np.testing.assert_array_equal(result["x"], 2 * np.arange(total))
    np.testing.assert_array_equal(result["y"][0], y + 1)
    assert seen == [4] * -(-total // 4)
