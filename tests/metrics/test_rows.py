"""A sample's sums are the same, to the bit, at every place of a batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.metrics.centre import center_of_mass
from tf_fragile.metrics.cosine import cosine
from tf_fragile.metrics.maps import normalise
from tf_fragile.metrics.rank import spearman
from tf_fragile.metrics.rows import as_rows, from_rows, per_sample_mean, per_sample_sum

ODD = (227, 227)  # no vector width divides the number of entries, and sums are split in two


def same(count: int = 7) -> list[np.ndarray]:
    """Batches of one map over and over."""
    rng = np.random.default_rng(0)
    maps = rng.uniform(0, 1, (10, 1, *ODD)).astype("float32")
    return [np.repeat(one, count, 0) for one in maps]


def differ(values: tf.Tensor) -> bool:
    values = np.asarray(values)
    return bool((values != values[:1]).any())


def test_tensorflows_own_sum_depends_on_the_place() -> None:
    assert any(differ(tf.reduce_sum(tf.constant(x), [1, 2])) for x in same())


@pytest.mark.parametrize(
    "function",
    [
        per_sample_sum,
        per_sample_mean,
        center_of_mass,
        lambda x: normalise(x, "unit_sum"),
        lambda x: normalise(x, "second_moment"),
        lambda x: cosine(x, tf.square(x)),
        lambda x: spearman(x, tf.sin(9 * tf.reverse(x, [1]))),
    ],
)
def test_ours_does_not(function) -> None:
    assert not any(differ(function(tf.constant(x))) for x in same())


@pytest.mark.parametrize("name", ["unit_sum", "second_moment"])
def test_nor_does_the_derivative_of_a_normalisation(name: str) -> None:
    weights = np.random.default_rng(1).uniform(-1, 1, ODD).astype("float32")
    for batch in same():
        x = tf.constant(batch)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = per_sample_sum(normalise(x, name) * weights)
        assert not differ(tape.gradient(value, x))


@pytest.mark.parametrize("known", [True, False])
def test_rows_are_the_samples_and_go_back(known: bool) -> None:
    x = np.random.default_rng(2).standard_normal((3, 5, 4, 2)).astype("float32")
    signature = tf.TensorSpec([None, 5, 4, 2] if known else [None, None, None, 2], tf.float32)

    @tf.function(input_signature=[signature])
    def there_and_back(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        rows = as_rows(x)
        return rows, from_rows(rows, x), per_sample_sum(x, keepdims=True), per_sample_mean(x)

    rows, back, total, mean = there_and_back(x)
    assert rows.shape == (3, 64)
    np.testing.assert_array_equal(rows[:, :40], x.reshape(3, -1))
    assert not rows[:, 40:].numpy().any()
    np.testing.assert_array_equal(back, x)
    np.testing.assert_allclose(total, x.sum((1, 2, 3), keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(mean, x.mean((1, 2, 3)), rtol=1e-5, atol=1e-6)
