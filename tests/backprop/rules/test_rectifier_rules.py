"""What guided backprop, deconvnet and RectGrad let through a ReLU."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.graph import Node, Ref
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.rules import (
    ProportionalRedistribution,
    RectGrad,
    deconvnet,
    gradient,
    guided_backprop,
    padding_trick,
)
from tf_fragile.backprop.rules.rectifier import nearest_percentile, without_border

RELU = Node(Activation("relu", tf.nn.relu), (Ref(0),), {}, (1,), "relu")
Z = tf.constant([[-1.0, 2.0, 3.0, -4.0, 0.5]])
R = tf.constant([[1.0, -2.0, 3.0, -4.0, 5.0]])


def test_guided_backprop_needs_positive_relevance_and_an_active_unit() -> None:
    np.testing.assert_array_equal(
        guided_backprop(RELU, [Z], tf.nn.relu(Z), R)[0], [[0, 0, 3, 0, 5]]
    )


def test_deconvnet_needs_positive_relevance_only() -> None:
    np.testing.assert_array_equal(deconvnet(RELU, [Z], tf.nn.relu(Z), R)[0], [[1, 0, 3, 0, 5]])


def test_relu6_is_closed_above_its_ceiling() -> None:
    relu6 = Node(Activation("relu6", tf.nn.relu6), (Ref(0),), {}, (1,), "relu6")
    z = tf.constant([[7.0, 5.0]])
    np.testing.assert_array_equal(guided_backprop(relu6, [z], tf.nn.relu6(z), z)[0], [[0, 5]])


def test_rectgrad_compares_activation_times_relevance_strictly() -> None:
    # products 0, -4, 9, 0, 2.5
    a = tf.nn.relu(Z)
    np.testing.assert_array_equal(RectGrad(50.0)(RELU, [Z], a, R)[0], [[0, 0, 3, 0, 5]])
    np.testing.assert_array_equal(RectGrad(75.0)(RELU, [Z], a, R)[0], [[0, 0, 3, 0, 0]])
    np.testing.assert_array_equal(RectGrad(0.0)(RELU, [Z], a, R)[0], [[0, 0, 3, 0, 5]])
    np.testing.assert_array_equal(RectGrad(100.0)(RELU, [Z], a, R)[0], [[0, 0, 0, 0, 0]])


def test_rectgrad_keeps_two_percent_and_equals_guided_backprop_at_threshold_zero() -> None:
    rng = np.random.default_rng(0)
    z = tf.constant(rng.standard_normal((3, 10, 10, 4)), tf.float32)
    r = tf.constant(rng.standard_normal((3, 10, 10, 4)), tf.float32)
    a = tf.nn.relu(z)
    (kept,) = RectGrad(98.0)(RELU, [z], a, r)
    counts = np.count_nonzero(kept.numpy().reshape(3, -1), axis=1)
    assert (counts > 0).all()
    assert (counts <= 0.02 * 400).all()
    # about half of the products are 0, so their middle one is
    assert not nearest_percentile(a * r, 50.0).numpy().any()
    guided = guided_backprop(RELU, [z], a, r)[0]
    np.testing.assert_array_equal(RectGrad(50.0)(RELU, [z], a, r)[0], guided)


@pytest.mark.parametrize("q", [0, 13, 50, 98, 100])
@pytest.mark.parametrize("known", [True, False])
def test_percentile_is_the_nearest_rank_of_each_sample(q: float, known: bool) -> None:
    x = np.random.default_rng(1).standard_normal((3, 4, 13)).astype(np.float32)
    spec = tf.TensorSpec([3, 4, 13] if known else [None, None, None])
    compute = tf.function(lambda x: nearest_percentile(x, q), input_signature=[spec])
    expected = np.percentile(x.reshape(3, -1), q, axis=1, method="nearest")
    np.testing.assert_array_equal(compute(x)[:, 0, 0], expected)


def test_redistribution_splits_a_window_by_its_activations() -> None:
    pool = keras.layers.MaxPooling1D(2)
    node = Node(pool, (Ref(0),), {}, (1,), "pool")
    x = tf.constant([[[1.0], [3.0], [0.0], [0.0]]])
    relevance = tf.constant([[[8.0], [5.0]]])
    (result,) = ProportionalRedistribution()(node, [x], pool(x), relevance)
    np.testing.assert_allclose(result[0, :, 0], [2, 6, 0, 0], rtol=1e-6)


def test_padding_trick_drops_the_border_of_the_output() -> None:
    conv = keras.layers.Conv2D(1, 3, padding="same")
    conv.build((None, 5, 5, 1))
    node = Node(Affine(conv), (Ref(0),), {}, (1,), "conv")
    x, r = tf.ones((1, 5, 5, 1)), tf.random.stateless_normal((1, 5, 5, 1), [0, 0])
    inner = np.zeros((1, 5, 5, 1), np.float32)
    inner[:, 1:-1, 1:-1] = r[:, 1:-1, 1:-1]
    expected = gradient(node, [x], x, tf.constant(inner))[0]
    np.testing.assert_allclose(padding_trick(node, [x], x, r)[0], expected, rtol=1e-6)
    first = without_border(tf.ones((1, 2, 5, 5)), channels_last=False)
    assert float(tf.reduce_sum(first)) == 2 * 9
