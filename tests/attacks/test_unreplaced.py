"""What has kinks and no surrogate is named, and nothing that is smooth is."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.trusting import unfollowed
from tf_fragile.attacks.unreplaced import replaced, without_surrogate
from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.network import as_network
from tf_fragile.surrogates import NoSurrogate

layers, ops = keras.layers, keras.ops


class Kinked(layers.Layer):
    """Of one's own, with weights that hide it from any rule."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, z):
        return self.scale * tf.nn.leaky_relu(tf.reduce_sum(z, -1, keepdims=True) + z, 0.1)


class Smooth(layers.Layer):
    def call(self, z):
        return z * tf.sigmoid(tf.reduce_mean(z, -1, keepdims=True))


class Linear(layers.Layer):
    def call(self, z):
        return 3 * z - tf.reduce_mean(z, -1, keepdims=True)


class Unwilling(layers.Layer):
    """Has no second derivative."""

    def call(self, z):
        return tf.numpy_function(np.tanh, [z], z.dtype) if z.shape[0] else z

    def compute_output_shape(self, shape):
        return shape


def two(join):
    return lambda z: join([z, layers.Dense(8)(z)])


NAMED = {
    "maximum layer of tensors": (two(layers.Maximum(name="here")), "here"),
    "minimum layer of tensors": (two(layers.Minimum(name="here")), "here"),
    "ops.maximum of tensors": (two(lambda pair: ops.maximum(*pair)), "maximum"),
    "a layer of one's own": (Kinked(name="here"), "here"),
    "a layer without derivatives": (Unwilling(name="here"), "here"),
    "a threshold": (layers.ReLU(threshold=0.1, name="here"), "here"),
    "floor": (lambda z: ops.floor(5 * z), "floor"),
    "sign": (lambda z: z * ops.sign(z), "sign"),
    "a comparison": (lambda z: z * ops.cast(z > 0.3, "float32"), "greater"),
    "a recurrent ReLU": (
        layers.LSTM(8, activation="relu", return_sequences=True, name="here"),
        "here",
    ),
}
NOT_NAMED = {
    "a dense layer step by step": layers.TimeDistributed(layers.Dense(8, activation="relu")),
    "relu": layers.ReLU(),
    "a lambda activation": layers.Activation(lambda z: tf.nn.leaky_relu(z, 0.3)),
    "elu": layers.ELU(2.0),
    "prelu": layers.PReLU(),
    "gelu": layers.Activation("gelu"),
    "max pool": layers.MaxPooling1D(2, 1),
    "softmax": layers.Softmax(),
    "layer norm": layers.LayerNormalization(),
    "batch norm": layers.BatchNormalization(),
    "attention": lambda z: layers.MultiHeadAttention(2, 4)(z, z),
    "lstm": layers.LSTM(8, return_sequences=True),
    "a smooth layer of one's own": Smooth(),
    "a linear layer of one's own": Linear(),
    "a product": lambda z: z * z,
    "a root": lambda z: ops.sqrt(z * z + 1),
    "sine": lambda z: ops.sin(z),
}


def net(middle) -> keras.Model:
    x = keras.Input((6, 3))
    h = middle(layers.Dense(8)(x))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (2, 6, 3)).astype("float32")


@pytest.mark.parametrize("case", NAMED)
def test_what_has_a_kink_and_no_stand_in_is_named(case: str, x) -> None:
    middle, name = NAMED[case]
    (found,) = without_surrogate(as_network(net(middle)), x)
    assert found.rstrip("_0123456789") == name


@pytest.mark.parametrize("case", NOT_NAMED)
def test_what_is_smooth_or_gets_a_stand_in_is_not_named(case: str, x) -> None:
    network = as_network(net(NOT_NAMED[case]))
    assert without_surrogate(network, x) == ()
    assert without_surrogate(network) == ()


def test_a_rectifier_written_out_is_named_unless_it_has_a_stand_in(x) -> None:
    network = as_network(net(lambda z: ops.maximum(z, 0.1 * z)))
    (node,) = [n for n in network.graph.nodes if type(n.operation).__name__ == "Maximum"] or [None]
    names = without_surrogate(network, x)
    activations = [n for n in network.graph.nodes if isinstance(n.operation, Activation)]
    assert names == (node.name,) if node is not None else (names == () and activations)


def test_a_subclassed_model_is_tried_as_a_whole(x) -> None:
    class Own(keras.Model):
        def __init__(self, activation):
            super().__init__(name=f"own_{activation}")
            self.hidden, self.top = layers.Dense(8, activation), layers.Dense(3)

        def call(self, x):
            return self.top(self.hidden(x[:, 0]))

    assert without_surrogate(as_network(Own("relu")), x) == ("own_relu",)
    assert without_surrogate(as_network(Own("tanh")), x) == ()


def test_the_sentence_names_what_the_surrogate_leaves(x) -> None:
    hidden = layers.Dense(8, activation="relu", name="hidden")
    network = as_network(net(lambda z: layers.Maximum(name="join")([hidden(z), z])))
    assert replaced(network) == ("hidden",)
    (left,) = unfollowed(network, tff.attacks.Softplus(), x)
    assert left.startswith("Layer 'join' has or may have a kink and no surrogate, so the attack")
    (bare,) = unfollowed(network, NoSurrogate(), x)
    assert bare.startswith("Layers 'hidden', 'join' have or may have a kink and no surrogate")
    smooth = as_network(net(layers.Activation("tanh")))
    assert unfollowed(smooth, NoSurrogate(), x) == ()
