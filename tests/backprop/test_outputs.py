"""What the output of a model is, whatever spelt it: heads, labels, probabilities, numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.backprop.activations import of_function
from tf_fragile.backprop.network import as_network
from tf_fragile.errors import InputError

L = keras.layers
X = np.random.default_rng(0).random((3, 6), np.float32)


class OwnDense(L.Dense):
    """A Dense layer by another name."""


class OwnSoftmax(L.Layer):
    def call(self, z: Any) -> Any:
        return tf.exp(z) / tf.reduce_sum(tf.exp(z), -1, keepdims=True)


class ScaledDense(L.Dense):
    def call(self, x: Any) -> Any:
        return tf.nn.softmax(2 * super().call(x))


def net(head: Callable[[Any], Any]) -> keras.Model:
    i = keras.Input((6,))
    return keras.Model(i, head(L.Dense(5, activation="relu")(i)))


def before(model: keras.Model, head: Callable[[Any], Any], units: int = 3) -> keras.Model:
    """The same weights, ending in the logits."""
    twin = net(lambda h: L.Dense(units)(h))
    twin.set_weights(model.get_weights())
    return twin


SOFTMAXES: dict[str, Callable[[Any], Any]] = {
    "string": lambda h: L.Dense(3, activation="softmax")(h),
    "tf.nn.softmax": lambda h: L.Dense(3, activation=tf.nn.softmax)(h),
    "keras.ops.softmax": lambda h: keras.ops.softmax(L.Dense(3)(h)),
    "layer": lambda h: L.Softmax()(L.Dense(3)(h)),
    "lambda": lambda h: L.Dense(3, activation=lambda z: tf.nn.softmax(z, -1))(h),
    "Lambda layer": lambda h: L.Lambda(lambda z: tf.nn.softmax(z))(L.Dense(3)(h)),
    "own layer": lambda h: OwnSoftmax()(L.Dense(3)(h)),
    "subclass of Dense": lambda h: OwnDense(3, activation="softmax")(h),
    "EinsumDense": lambda h: L.EinsumDense("bi,ij->bj", 3, bias_axes="j", activation="softmax")(h),
    "then cast": lambda h: keras.ops.cast(L.Dense(3, activation="softmax")(h), "float32"),
    "then reshaped": lambda h: L.Reshape((3,))(L.Dense(3, activation="softmax")(h)),
    "log_softmax": lambda h: L.Dense(3, activation="log_softmax")(h),
    "tf.nn.log_softmax": lambda h: L.Dense(3, activation=tf.nn.log_softmax)(h),
}


@pytest.mark.parametrize("name", SOFTMAXES)
def test_a_softmax_is_stripped_whatever_spelt_it(name: str) -> None:
    model = net(SOFTMAXES[name])
    twin = before(model, SOFTMAXES[name])
    assert as_network(model).head.kind.endswith("softmax")
    np.testing.assert_allclose(
        tff.explain("gradient", model)(X, 1), tff.explain("gradient", twin)(X, 1), atol=1e-6
    )
    np.testing.assert_array_equal(as_network(model).predict(X), np.argmax(model(X), -1))


SIGMOIDS: dict[str, Callable[[Any], Any]] = {
    "string": lambda h: L.Dense(1, activation="sigmoid")(h),
    "tf.nn.sigmoid": lambda h: L.Dense(1, activation=tf.nn.sigmoid)(h),
    "own": lambda h: L.Dense(1, activation=lambda z: 1 / (1 + tf.exp(-z)))(h),
    "hard": lambda h: L.Dense(1, activation="hard_sigmoid")(h),
    "clipped": lambda h: L.Dense(1, activation=lambda z: tf.clip_by_value(z / 4 + 0.5, 0, 1))(h),
    "tanh shifted": lambda h: L.Dense(1, activation=lambda z: (tf.tanh(z) + 1) / 2)(h),
    "ops": lambda h: keras.ops.sigmoid(L.Dense(1)(h)),
}


@pytest.mark.parametrize("name", SIGMOIDS)
def test_a_sigmoid_is_stripped_and_the_label_is_decided_at_a_half(name: str) -> None:
    model = net(SIGMOIDS[name])
    twin = before(model, SIGMOIDS[name], units=1)
    network = as_network(model)
    np.testing.assert_allclose(
        tff.explain("gradient", model)(X, 1),
        tff.explain("gradient", twin, head="logits")(X, 1),
        atol=1e-6,
    )
    for bias in (-3.0, 0.1, 3.0):
        model.weights[-1].assign([bias])
        expected = np.asarray(model(X))[:, 0] > 0.5
        np.testing.assert_array_equal(network.predict(X).numpy(), expected)
        np.testing.assert_array_equal(network.top(X).numpy(), expected)


def _mean(*members: Any) -> Any:
    return L.Average()(list(members))


OPAQUE: dict[str, Callable[[Any], Any]] = {
    "average of softmaxes": lambda h: _mean(*(L.Dense(3, activation="softmax")(h) for _ in "ab")),
    "own call of a Dense": lambda h: ScaledDense(3)(h),
    "mean by hand": lambda h: 0.5 * (SOFTMAXES["string"](h) + SOFTMAXES["string"](h)),
    "temperature after": lambda h: L.Lambda(lambda p: p**2 / tf.reduce_sum(p**2, -1, True))(
        L.Dense(3, activation="softmax")(h)
    ),
    "several sigmoids averaged": lambda h: _mean(
        *(L.Dense(3, activation="sigmoid")(h) for _ in "ab")
    ),
    "logarithms of means": lambda h: keras.ops.log(OPAQUE["average of softmaxes"](h)),
    "one minus softmax of two": lambda h: 1 - L.Dense(2, activation="softmax")(h),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_probabilities_that_cannot_be_stripped_are_refused_and_explained_when_said(
    name: str,
) -> None:
    model = net(OPAQUE[name])
    with pytest.raises(InputError, match="head"):
        tff.explain("gradient", model)(X, 1)
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x)[:, 1]
    said = tff.explain("gradient", model, head="probabilities")
    np.testing.assert_allclose(said(X, 1), tape.gradient(y, x), atol=1e-6)


def test_an_average_of_two_sigmoids_is_not_guessed() -> None:
    model = net(lambda h: _mean(*(L.Dense(1, activation="sigmoid")(h) for _ in "ab")))
    with pytest.raises(InputError, match="has one output, which may be"):
        tff.explain("gradient", model)(X)
    network = as_network(model, "probabilities")
    np.testing.assert_array_equal(network.predict(X), np.asarray(model(X))[:, 0] > 0.5)


class Subclassed(keras.Model):
    def __init__(self, units: int, activation: str | None, policy: str = "float32") -> None:
        super().__init__()
        self.top = L.Dense(units, activation=activation, dtype=policy)

    def call(self, x: Any) -> Any:
        return self.top(x)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "log_softmax", "hard_sigmoid"])
def test_a_graphless_model_that_returns_probabilities_is_refused(activation: str) -> None:
    model = Subclassed(3, activation)
    with pytest.raises(InputError, match="can't be stripped of its last step; give a model that"):
        tff.explain("gradient", model)(X)
    assert tff.explain("gradient", model, head="probabilities")(X).shape == X.shape


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float16", "float64"])
@pytest.mark.parametrize("activation", ["softmax", "log_softmax"])
def test_a_graphless_model_is_refused_in_every_precision(activation: str, policy: str) -> None:
    model = Subclassed(5, activation, policy)
    for seed in range(2):
        x = np.random.default_rng(seed).normal(scale=3, size=X.shape).astype(X.dtype)
        with pytest.raises(InputError, match="can't be stripped of its last step"):
            tff.explain("gradient", model)(x)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_logits_of_half_precision_are_no_probabilities(policy: str) -> None:
    assert tff.explain("gradient", Subclassed(5, None, policy))(X).shape == X.shape


def test_the_label_of_a_graphless_sigmoid_is_decided_at_a_half() -> None:
    model = Subclassed(1, "sigmoid")
    model(X)
    model.top.bias.assign([-3.0])
    network = as_network(model, "probabilities")
    np.testing.assert_array_equal(network.predict(tf.constant(X)), [0, 0, 0])


def test_one_linear_output_is_not_guessed() -> None:
    model = net(lambda h: L.Dense(1)(h))
    with pytest.raises(InputError, match="may be the logit of two classes or a number; say head="):
        tff.explain("gradient", model)(X)
    assert tff.explain("gradient", model)(X, 1).shape == X.shape


@pytest.mark.parametrize("name", ["gradient", "lrp_epsilon", "deeplift_rescale", "guided_backprop"])
def test_a_regression_is_explained_by_its_output_whatever_its_sign(name: str) -> None:
    i = keras.Input((6,))
    model = keras.Model(i, L.Dense(1)(L.Dense(4)(i)))
    x = np.concatenate([X, -X])
    explainer = tff.explain(name, model, head="regression")
    raised = tff.explain(name, model, head="logits")(x, 1)
    np.testing.assert_allclose(explainer(x), raised, atol=1e-6)
    np.testing.assert_allclose(explainer(x, 0), raised, atol=1e-6)
    assert explainer.network.task == "regression"
    with pytest.raises(InputError, match="Target 1 is no"):
        explainer(x, 1)


def test_a_regression_with_several_numbers_wants_a_target() -> None:
    model = net(lambda h: L.Dense(2)(h))
    explainer = tff.explain("gradient", model, head="regression")
    with pytest.raises(InputError, match="has 2 numbers to explain; give a target, 0 to 1"):
        explainer(X)
    assert explainer(X, 1).shape == X.shape


def test_several_sigmoids_are_labels_of_their_own() -> None:
    model = net(lambda h: L.Dense(4, activation="sigmoid")(h))
    network = as_network(model)
    assert network.task == "labels"
    np.testing.assert_array_equal(network.predict(X), np.asarray(model(X)) > 0.5)


def test_what_was_said_of_the_outputs_has_to_be_possible() -> None:
    with pytest.raises(InputError, match=r"said to be logits, but its last step 'dense.*softmax"):
        tff.explain("gradient", net(SOFTMAXES["string"]), head="logits")
    with pytest.raises(InputError, match="Unknown head 'logit'; did you mean logits"):
        tff.explain("gradient", net(SOFTMAXES["string"]), head="logit")
    with pytest.raises(InputError, match="over one unit, so its output never changes"):
        as_network(net(lambda h: L.Dense(1, activation="softmax")(h)))
    assert tff.explain("guided_backprop", net(SOFTMAXES["string"]), head="one")(X).shape == X.shape


def test_logits_that_happen_to_lie_between_zero_and_one_are_not_refused() -> None:
    model = net(lambda h: L.Dense(3, activation="relu")(h))
    model.set_weights([0.1 * abs(w) for w in model.get_weights()])
    assert tff.explain("gradient", model)(X).shape == X.shape


HIDDEN: dict[str, Any] = {
    "softmax": "softmax",
    "tf.nn.softmax": tf.nn.softmax,
    "sparsemax": "sparsemax",
    "l2_normalize": lambda t: tf.math.l2_normalize(t, -1),
    "cumsum": lambda t: tf.cumsum(t, -1),
    "minus mean": lambda t: t - tf.reduce_max(t, -1, keepdims=True),
    "log_softmax": "log_softmax",
}


@pytest.mark.parametrize("method", ["lrp_epsilon", "lrp_zplus", "deeplift_rescale"])
@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_function_that_mixes_units_is_not_taken_for_pointwise(
    name: str, method: str
) -> None:
    i = keras.Input((6,))
    gated = L.Dense(6, activation="relu")(i) * L.Dense(6, activation=HIDDEN[name])(i)
    model = keras.Model(i, L.Dense(3)(gated))
    with pytest.raises(tff.UnsupportedLayerError, match="has no rule for layer 'dense"):
        tff.explain(method, model)(X, 0)


@pytest.mark.parametrize("slope", [-0.5, 0.2, 1.5])
def test_a_leaky_relu_is_monotone_only_where_it_is(slope: float) -> None:
    activation = of_function(lambda z: tf.nn.leaky_relu(z, slope))
    assert activation.monotone == (slope >= 0)
    assert of_function(L.ELU(1.0 if slope > 0 else -1.0)).monotone == (slope >= 0)
