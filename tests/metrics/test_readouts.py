"""Readouts: a map of any rank, never negative, that sums to 1; the default is the paper's."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.maps import normalise, reduce
from tf_fragile.metrics.readouts import DEFAULT, READOUTS, check_read_out, read_out

RNG = np.random.default_rng(0)
every = pytest.mark.parametrize("name", sorted(READOUTS))


@every
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("shape", [(3, 7), (3, 8, 2), (3, 5, 4, 3), (3, 2, 3, 4, 2)])
def test_a_map_of_any_rank_is_not_negative_and_sums_to_one(name, dtype, shape) -> None:
    attribution = tf.constant(RNG.normal(size=shape), dtype)
    maps = read_out(attribution, -1, name)
    assert maps.dtype == dtype
    assert np.all(maps >= 0)
    np.testing.assert_allclose(np.reshape(maps, (3, -1)).sum(axis=1), 1, rtol=1e-5)
    check_read_out(maps, attribution, name)


@every
def test_an_attribution_of_zeros_stays_zero_with_a_finite_gradient(name) -> None:
    attribution = tf.zeros([2, 4, 3])
    with tf.GradientTape() as tape:
        tape.watch(attribution)
        maps = read_out(attribution, -1, name)
        value = tf.reduce_sum(maps[:, :2])
    assert not np.any(maps)
    assert np.all(np.isfinite(tape.gradient(value, attribution)))


def test_channels_of_pictures_and_signals_fold_and_columns_of_rows_do_not() -> None:
    assert read_out(RNG.normal(size=(2, 4, 5, 3))).shape == (2, 4, 5)
    assert read_out(RNG.normal(size=(2, 6, 3))).shape == (2, 6)
    assert read_out(RNG.normal(size=(2, 7))).shape == (2, 7)
    assert read_out(RNG.normal(size=(2, 6, 3)), None).shape == (2, 6, 3)


def test_each_readout_agrees_with_numpy() -> None:
    a = RNG.normal(size=(2, 5, 3))
    folded = {
        "sum_abs": np.abs(a).sum(-1),
        "abs_max": np.abs(a).max(-1),
        "positive_sum": np.maximum(a, 0).sum(-1),
        "abs_sum": np.abs(a.sum(-1)),
        "entries": np.abs(a).reshape(2, -1),
    }
    assert set(folded) == set(READOUTS)
    for name, magnitudes in folded.items():
        expected = magnitudes / magnitudes.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(read_out(a, -1, name), expected, rtol=1e-12)


def test_channels_first_gives_the_map_of_channels_last() -> None:
    last = RNG.normal(size=(2, 5, 4, 3))
    first = np.moveaxis(last, -1, 1)
    np.testing.assert_array_equal(read_out(first, 1, "abs_max"), read_out(last, -1, "abs_max"))


@pytest.mark.parametrize("shape", [(3, 9, 9, 3), (3, 9)])
def test_the_default_is_the_sum_of_magnitudes_by_the_same_operations(shape) -> None:
    def of_the_paper(attribution: tf.Tensor) -> tf.Tensor:
        return normalise(reduce(attribution, "sum_abs"), "unit_sum")

    spec = tf.TensorSpec([None, *shape[1:]], tf.float32)
    graphs = [
        tf.function(function).get_concrete_function(spec).graph.as_graph_def().node
        for function in (of_the_paper, read_out)
    ]
    assert [(n.op, n.attr) for n in graphs[0]] == [(n.op, n.attr) for n in graphs[1]]
    a = tf.constant(RNG.normal(size=shape), tf.float32)
    assert np.asarray(of_the_paper(a)).tobytes() == np.asarray(read_out(a, -1, DEFAULT)).tobytes()


def test_a_readout_of_somebody_else_is_held_to_its_promise() -> None:
    a = tf.constant(RNG.normal(size=(3, 4, 2)), tf.float32)
    with pytest.raises(InputError, match=r"'own' gives maps with entries from -.*sum to 1"):
        check_read_out(tf.reduce_sum(a, -1), a, "own")
    with pytest.raises(InputError, match=r"'own' gives maps .*sums from 4 to 4.*sum to 1"):
        check_read_out(tf.ones([3, 4]), a, "own")
    with pytest.raises(InputError, match=r"'own' gives an array of shape \(3,\).*map \[B"):
        check_read_out(tf.ones([3]), a, "own")


def test_a_map_that_is_not_finite_is_left_to_those_who_judge_explainers() -> None:
    a = tf.fill([2, 4, 1], float("nan"))
    check_read_out(read_out(a), a, DEFAULT)


def test_an_unknown_readout_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="Unknown readout 'sum_bas'; did you mean sum_abs"):
        read_out(np.ones((1, 2, 2)), -1, "sum_bas")
