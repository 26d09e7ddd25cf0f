"""Kinks are found in the function itself, and equal functions get equal stand-ins."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.activations import Activation, of_function
from tf_fragile.surrogates.kinks import shape_of
from tf_fragile.surrogates.stand_in import Smoothed, smooth_stand_in

layers, ops, activations = keras.layers, keras.ops, keras.activations
LEAKY = {
    "a lambda": lambda z: tf.nn.leaky_relu(z, 0.1),
    "ops.maximum": lambda z: ops.maximum(z, 0.1 * z),
    "where": lambda z: tf.where(z > 0, z, 0.1 * z),
    "a sum of ReLUs": lambda z: tf.nn.relu(z) - 0.1 * tf.nn.relu(-z),
    "a ReLU with a slope": layers.ReLU(negative_slope=0.1),
    "keras' own": lambda z: activations.leaky_relu(z, negative_slope=0.1),
    "a line and a ReLU": lambda z: 0.1 * z + 0.9 * activations.relu(z),
}
KINKS = {
    "relu": (tf.nn.relu, [(0, 1)]),
    "relu6": (tf.nn.relu6, [(0, 1), (6, -1)]),
    "a ReLU with a maximum": (layers.ReLU(max_value=3.5), [(0, 1), (3.5, -1)]),
    "abs": (tf.abs, [(0, 2)]),
    "elu of another alpha": (layers.ELU(2.0), [(0, -1)]),
    "selu": (activations.selu, [(0, 1.0507009 * (1 - 1.6732632))]),
    "hard sigmoid": (activations.hard_sigmoid, [(-3, 1 / 6), (3, -1 / 6)]),
    "hard tanh": (activations.hard_tanh, [(-1, 1), (1, -1)]),
    "hard swish": (activations.hard_silu, [(-3, -0.5), (3, -0.5)]),
    "clip": (lambda z: tf.clip_by_value(z, -1.5, 2.25), [(-1.5, 1), (2.25, -1)]),
    "far away": (lambda z: tf.minimum(z, 255.0), [(255, -1)]),
    "on one side curved": (lambda z: tf.where(z < 0, 2 * z, tf.exp(z) - 1), [(0, -1)]),
    "in float32 only": (lambda z: tf.maximum(z, tf.constant(0.25)), [(0.25, 1)]),
    "small": (lambda z: 1e-6 * tf.nn.relu(z), [(0, 1e-6)]),
}
SMOOTH = {
    "gelu": activations.gelu,
    "silu": activations.silu,
    "elu": activations.elu,
    "softplus": tf.nn.softplus,
    "a sharp softplus": lambda z: tf.nn.softplus(100 * z) / 100,
    "exp": tf.exp,
    "sin": tf.sin,
    "mish": activations.mish,
    "relu squared": lambda z: tf.square(tf.nn.relu(z)),
    "reciprocal": lambda z: 1 / z,
}
JUMPS = {"floor": tf.floor, "sign": tf.sign, "threshold": layers.ReLU(threshold=1.0)}


def of(function) -> Activation:
    return Activation("its own", function)


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_found_where_they_are_and_as_large_as_they_are(name: str) -> None:
    function, expected = KINKS[name]
    shape = shape_of(of(function))
    assert not shape.jumps
    assert len(shape.kinks) == len(expected)
    np.testing.assert_allclose(shape.kinks, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_function_has_no_kinks_and_no_stand_in(name: str) -> None:
    shape = shape_of(of(SMOOTH[name]))
    assert (shape.kinks, shape.jumps) == ((), ())
    assert smooth_stand_in(of(SMOOTH[name]), lambda _: 1.0) is None


@pytest.mark.parametrize("name", JUMPS)
def test_a_function_that_jumps_has_no_stand_in(name: str) -> None:
    assert shape_of(of(JUMPS[name])).jumps
    assert smooth_stand_in(of(JUMPS[name]), lambda _: 1.0) is None


def test_what_mixes_entries_or_can_not_be_asked_has_no_shape() -> None:
    assert shape_of(of_function(tf.nn.softmax)) is None
    assert shape_of(of(lambda z: None)) is None


def test_shapes_are_found_in_the_middle_of_a_trace() -> None:
    function = lambda z: tf.abs(z) + tf.nn.relu(z - 1)  # noqa: E731

    def count(z):
        return len(shape_of(of(function)).kinks) * z

    assert tf.function(count, autograph=False)(tf.constant(1.0)) == 2


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("name", KINKS)
def test_a_stand_in_is_smooth_and_the_function_itself_away_from_its_kinks(name, dtype) -> None:
    if name == "in float32 only":
        dtype = tf.float32
    function, kinks = KINKS[name]
    stand_in = smooth_stand_in(of(function), lambda _: 40.0)
    assert isinstance(stand_in.function, Smoothed)
    z = np.linspace(-8, 8, 801) + 0.0001
    away = np.min([np.abs(z - place) for place, _ in kinks], axis=0) > 1
    x = tf.constant(z, dtype)
    found = stand_in(x)
    assert found.dtype == dtype
    size = max(abs(change) for _, change in kinks)
    true = np.asarray(function(x))
    np.testing.assert_allclose(np.asarray(found)[away], true[away], atol=1e-5 * size, rtol=1e-6)
    places = tf.constant([place for place, _ in kinks], dtype)
    near = tf.concat([places - 1e-3, places, places + 1e-3], 0)
    with tf.GradientTape() as tape:
        tape.watch(near)
        y = stand_in(near)
    slopes = np.asarray(tape.gradient(y, near)).reshape(3, -1)
    # One part in 50 of the change within a thousandth, all of it within a tenth.
    changes = np.abs([change for _, change in kinks])
    assert (np.abs(slopes[2] - slopes[0]) < 0.05 * changes + 5e-3).all()
    np.testing.assert_allclose(slopes[1], slopes[[0, 2]].mean(0), atol=2e-3 * size)


@pytest.mark.parametrize("name", LEAKY)
def test_one_leaky_relu_however_written_has_one_stand_in(name: str) -> None:
    z = tf.constant(np.linspace(-3, 3, 61), tf.float32)
    known = smooth_stand_in(Activation("leaky_relu", layers.LeakyReLU(0.1)), lambda _: 5.0)
    found = smooth_stand_in(of(LEAKY[name]), lambda _: 5.0)
    assert found.kind == known.kind
    values = []
    for stand_in in (known, found):
        with tf.GradientTape() as outer:
            outer.watch(z)
            with tf.GradientTape() as inner:
                inner.watch(z)
                y = stand_in(z)
            slope = inner.gradient(y, z)
        values.append([y, slope, outer.gradient(slope, z)])
    np.testing.assert_allclose(values[1], values[0], atol=2e-5)


def test_kinds_say_what_rules_may_take_a_stand_in_for() -> None:
    """Rules for ReLUs need zero on the left; max pools go in front of what never decreases."""
    kinds = {
        "a ReLU with a maximum": "smooth_relu",
        "abs": "smooth_activation",
        "hard swish": "smooth_activation",
        "hard sigmoid": "smooth_leaky_relu",
        "clip": "smooth_leaky_relu",
    }
    for name, kind in kinds.items():
        assert smooth_stand_in(of(KINKS[name][0]), lambda _: 1.0).kind == kind


def test_a_prelu_keeps_the_slope_of_each_channel_as_it_is_now() -> None:
    layer = layers.PReLU(shared_axes=[1, 2])
    layer.build((None, 4, 4, 3))
    layer.alpha.assign(np.reshape([0.0, 0.1, -0.5], (1, 1, 3)))
    z = tf.random.stateless_normal([2, 4, 4, 3], [0, 1])
    for operation in (layer, Activation("prelu", layer)):
        stand_in = smooth_stand_in(operation, lambda _: 1000.0)
        np.testing.assert_allclose(stand_in(z), layer(z), atol=1e-3)
        blunt = smooth_stand_in(operation, lambda _: 1.0)
        assert np.abs(blunt(z) - layer(z)).max() > 0.1
    layer.alpha.assign(np.ones((1, 1, 3)))
    np.testing.assert_allclose(stand_in(z), z, atol=1e-5)


def test_known_relus_keep_their_formulas() -> None:
    """No bit of a record of a ReLU network may change."""
    z = tf.random.stateless_normal([64], [0, 1])
    for kind, function in (("relu", tf.nn.relu), ("relu6", tf.nn.relu6)):
        stand_in = smooth_stand_in(Activation(kind, function), lambda _: 3.0)
        assert not isinstance(stand_in.function, Smoothed)
        assert stand_in.kind == "smooth_relu"
        general = smooth_stand_in(replace(stand_in, kind="x", function=function), lambda _: 3.0)
        np.testing.assert_allclose(general(z), stand_in(z), atol=1e-6)
