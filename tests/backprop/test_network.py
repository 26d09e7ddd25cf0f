"""Logits, whatever stood after them; refusals where they can't be had."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.network import as_network
from tf_fragile.errors import InputError

layers = keras.layers
X = tf.constant(np.random.default_rng(0).standard_normal((3, 5)).astype("float32"))


def classifier(*tail) -> keras.Model:
    return keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="relu"), *tail])


@pytest.mark.parametrize(
    ("tail", "kind"),
    [
        ([layers.Dense(4, activation="softmax", name="head")], "softmax"),
        ([layers.Dense(4), layers.Softmax(name="head")], "softmax"),
        ([layers.Dense(4), layers.Activation("softmax", name="head")], "softmax"),
        ([layers.Dense(4, activation="sigmoid", name="head")], "sigmoid"),
        ([layers.Dense(4), layers.Activation("sigmoid", name="head")], "sigmoid"),
    ],
)
def test_heads_are_stripped_and_the_fact_is_recorded(tail, kind: str) -> None:
    model = classifier(*tail)
    network = as_network(model)
    assert network.head.kind == kind
    assert network.head.note == f"{kind} head 'head' stripped; logits are explained"
    logits = network.logits(X)
    np.testing.assert_allclose(network.probabilities(logits), model(X), atol=1e-6)
    assert not np.allclose(logits, model(X))


def test_a_functional_softmax_is_stripped_too() -> None:
    x = keras.Input((5,))
    model = keras.Model(x, keras.ops.softmax(layers.Dense(4)(x)))
    assert as_network(model).head.kind == "softmax"


def test_a_head_inside_a_nested_model_is_stripped() -> None:
    x = keras.Input((5,))
    model = keras.Model(x, classifier(layers.Dense(4, activation="softmax"))(x))
    network = as_network(model)
    assert network.head.kind == "softmax"
    np.testing.assert_allclose(tf.nn.softmax(network.logits(X)), model(X), atol=1e-6)


def test_logits_are_left_alone() -> None:
    model = classifier(layers.Dense(4))
    assert as_network(model).head.kind == "linear"
    np.testing.assert_allclose(as_network(model).logits(X), model(X), atol=1e-6)


def test_one_sigmoid_unit_is_two_classes() -> None:
    model = classifier(layers.Dense(1, activation="sigmoid"))
    network = as_network(model)
    p = model(X)[:, 0]
    both = network.probabilities(network.logits(X))
    np.testing.assert_allclose(both, np.stack([1 - p, p], axis=1), atol=1e-6)
    np.testing.assert_array_equal(network.predict(X), np.asarray(p) > 0.5)


def test_score_is_the_targets_logit() -> None:
    network = as_network(classifier(layers.Dense(4, activation="softmax")))
    target = tf.constant([3, 0, 1])
    expected = tf.gather(network.logits(X), target, batch_dims=1)
    np.testing.assert_allclose(network.score(X, target), expected, atol=1e-6)


def test_a_softmax_that_is_not_last_is_refused_by_name() -> None:
    model = classifier(
        layers.Dense(4), layers.Softmax(name="probs"), layers.Rescaling(2.0, name="x2")
    )
    with pytest.raises(InputError, match=r"The softmax 'probs' of model .* is followed by 'x2'"):
        as_network(model)


def test_probabilities_from_code_are_refused() -> None:
    class Hidden(keras.Model):
        def call(self, x):
            return tf.nn.softmax(x)

    with pytest.raises(InputError, match="returns probabilities from code"):
        as_network(Hidden()).check(X)


def test_other_shapes_than_batch_by_classes_are_refused() -> None:
    x = keras.Input((8, 8, 3))
    with pytest.raises(InputError, match=r"a classifier gives \(batch, classes\)"):
        as_network(keras.Model(x, layers.Conv2D(2, 1)(x)))


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match=r"Expected a keras\.Model, got str"):
        as_network("squeezenet")
