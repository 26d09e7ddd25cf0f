"""Rules for operations without kernels, by hand and by their sums."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.graph import Node, Ref
from tf_fragile.backprop.rules import (
    AlphaBeta,
    AlphaBetaSum,
    Epsilon,
    Proportional,
    gradient,
    pass_through,
    uniform,
)
from tf_fragile.backprop.weighted import Reweighted

L = keras.layers
A = tf.constant([[1.0, -2.0, 3.0]], tf.float64)
B = tf.constant([[3.0, 1.0, -3.0]], tf.float64)
R = tf.constant([[4.0, 2.0, 5.0]], tf.float64)


def node(layer: keras.Layer, inputs: int = 1) -> Node:
    refs = [Ref(i) for i in range(inputs)]
    return Node(layer, (refs,) if inputs > 1 else tuple(refs), {}, (inputs,), "it")


def test_proportional_add_splits_by_the_summands_and_keeps_the_sum() -> None:
    add = node(L.Add(dtype="float64"), 2)
    a, b = Proportional()(add, [A, B], A + B, R)
    np.testing.assert_allclose(a[0, :2], [1.0, 4.0])
    np.testing.assert_allclose(b[0, :2], [3.0, -2.0])
    np.testing.assert_allclose((a + b)[0, :2], R[0, :2])
    # 3 - 3 = 0: the zero stands for 1e-7, and the shares cancel
    np.testing.assert_allclose([a[0, 2], b[0, 2]], [1.5e8, -1.5e8])


def test_proportional_shares_of_a_tensor_read_twice_keep_the_sum() -> None:
    add = Node(L.Add(dtype="float64"), ([Ref(0), Ref(0)],), {}, (1,), "twice")
    parts = Proportional()(add, [A, A], 2 * A, R)
    np.testing.assert_allclose(parts[0] + parts[1], R)


@pytest.mark.parametrize("layer", [L.Average, L.Subtract])
def test_proportional_shares_of_other_sums_keep_the_sum(layer: type) -> None:
    it = layer(dtype="float64")
    x = [A, tf.constant([[5.0, 7.0, 0.5]], tf.float64)]
    parts = Proportional()(node(it, 2), x, it(x), R)
    np.testing.assert_allclose(parts[0] + parts[1], R)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (2.0, 1.0)])
def test_alpha_beta_sum_is_the_rule_on_concatenation_and_stacked_identities(alpha, beta) -> None:
    eye = tf.concat([tf.eye(3, dtype=tf.float64)] * 2, 0)
    stacked = Reweighted(L.Dense(3), lambda x, kernels: x @ kernels[0], lambda x: ((eye,), None))
    joined = tf.concat([A, B], 1)
    rule = AlphaBeta(alpha, beta, "ignore")
    (expected,) = rule(node(stacked), [joined], stacked(joined), R)
    parts = AlphaBetaSum(alpha, beta)(node(L.Add(), 2), [A, B], A + B, R)
    np.testing.assert_allclose(tf.concat(parts, 1), expected)
    clipped = AlphaBetaSum(alpha, beta, clip=True)(node(L.Add(), 2), [A, B], A + B, 900 * R)
    np.testing.assert_allclose(tf.concat(clipped, 1), np.clip(900 * expected, 0, 1000))


def test_alpha_beta_sum_is_proportional_where_nothing_is_negative() -> None:
    add, x = node(L.Add(dtype="float64"), 2), [tf.abs(A), tf.abs(B)]
    expected = Proportional()(add, x, x[0] + x[1], R)
    np.testing.assert_allclose(AlphaBetaSum(1, 0)(add, x, x[0] + x[1], R), expected)


def test_average_pools_share_by_value_or_equally() -> None:
    pool = L.AveragePooling1D(2, dtype="float64")
    x = tf.constant([[[1.0], [3.0], [2.0], [2.0]]], tf.float64)
    share = tf.constant([[[8.0], [6.0]]], tf.float64)
    (value,) = Proportional()(node(pool), [x], pool(x), share)
    np.testing.assert_allclose(value[0, :, 0], [2, 6, 3, 3])
    (equal,) = gradient(node(pool), [x], pool(x), share)
    np.testing.assert_allclose(equal[0, :, 0], [4, 4, 3, 3])


def test_max_pools_send_all_to_the_maximum_and_overlaps_add() -> None:
    pool = L.MaxPooling1D(3, 2, dtype="float64")
    x = tf.constant([[[1.0], [2.0], [9.0], [4.0], [5.0]]], tf.float64)
    (result,) = gradient(node(pool), [x], pool(x), tf.constant([[[8.0], [6.0]]], tf.float64))
    np.testing.assert_allclose(result[0, :, 0], [0, 0, 14, 0, 0])


def test_products_share_equally_and_sum_where_a_factor_was_broadcast() -> None:
    it = node(L.Multiply(dtype="float64"), 2)
    x, gate = tf.ones((2, 3, 3, 4), tf.float64), tf.ones((2, 1, 1, 4), tf.float64)
    relevance = tf.random.stateless_normal((2, 3, 3, 4), [0, 0], dtype=tf.float64)
    a, b = uniform(it, [x, gate], x * gate, relevance)
    assert a.shape == x.shape
    assert b.shape == gate.shape
    np.testing.assert_allclose(tf.reduce_sum(a) + tf.reduce_sum(b), tf.reduce_sum(relevance))
    np.testing.assert_allclose(b[:, 0, 0], tf.reduce_sum(relevance, [1, 2]) / 2)


def test_pass_through_is_the_identity() -> None:
    assert pass_through(node(L.Identity()), [A], A, R) == [R]


def test_epsilon_sign_of_zero_is_plus() -> None:
    zero = Reweighted(
        L.Dense(1), lambda x, kernels: x @ kernels[0], lambda x: ((tf.ones((2, 1), x.dtype),), None)
    )
    x = tf.constant([[1.0, -1.0]], tf.float64)
    (result,) = Epsilon(0.5)(node(zero), [x], zero(x), tf.constant([[3.0]], tf.float64))
    np.testing.assert_allclose(result, [[6.0, -6.0]])
