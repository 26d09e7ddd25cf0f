"""The recorded graph computes the model, sees every activation, and leaves the model alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.activations import Activation
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.record import record
from tf_fragile.errors import InputError

layers = keras.layers


def kinds(model: keras.Model) -> list[str]:
    return [n.operation.kind for n in record(model).nodes if isinstance(n.operation, Activation)]


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, strides=2, padding="same", groups=2, activation="relu"),
        layers.Conv2D(4, 3, dilation_rate=2, use_bias=False),
        layers.DepthwiseConv2D(3, depth_multiplier=2, activation="tanh"),
        layers.SeparableConv2D(5, 3, padding="same", activation="relu"),
        layers.Conv2DTranspose(3, 3, strides=2, activation="relu"),
        layers.Dense(4, activation="gelu"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_affine_part_and_activation_give_the_layer(layer) -> None:
    x = keras.Input((8, 8, 4))
    model = keras.Model(x, layer(x))
    for variable in model.trainable_variables:
        variable.assign(np.random.default_rng(0).standard_normal(variable.shape))
    graph = record(model)
    assert isinstance(graph.nodes[0].operation, Affine)
    batch = tf.random.stateless_normal([2, 8, 8, 4], [1, 2])
    np.testing.assert_allclose(graph(batch), model(batch), atol=1e-6)


def test_one_dimensional_layers_with_causal_padding() -> None:
    x = keras.Input((12, 3))
    h = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    h = layers.SeparableConv1D(4, 3)(layers.DepthwiseConv1D(3)(h))
    model = keras.Model(x, layers.Conv1DTranspose(2, 3)(h))
    batch = tf.random.stateless_normal([2, 12, 3], [1, 2])
    np.testing.assert_allclose(record(model)(batch), model(batch), atol=1e-6)


def test_every_way_to_write_a_relu_is_one_kind_of_activation() -> None:
    x = keras.Input((8,))
    h = layers.Dense(4, activation="relu")(x)
    h = layers.Dense(4, activation=keras.activations.relu)(h)
    h = layers.Dense(4, activation=layers.ReLU())(h)
    h = layers.ReLU()(layers.Dense(4)(h))
    h = layers.Activation("relu")(layers.Dense(4)(h))
    h = keras.ops.relu(layers.Dense(4)(h))
    assert kinds(keras.Model(x, h)) == ["relu"] * 6


def test_relu_layers_with_parameters_are_not_plain_relus() -> None:
    x = keras.Input((8,))
    h = layers.ReLU(max_value=6)(x)
    h = layers.ReLU(negative_slope=0.1)(h)
    h = layers.ReLU(threshold=1.0)(h)
    h = layers.ReLU(max_value=3)(h)
    assert kinds(keras.Model(x, h)) == ["relu6", "leaky_relu", "thresholded_relu", "clipped_relu"]


def test_nested_models_are_inlined_at_every_call() -> None:
    x = keras.Input((6,))
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(6, activation="relu")])
    middle = keras.Model(x, layers.Add()([inner(x), x]))
    y = keras.Input((6,))
    model = keras.Model(y, layers.Subtract()([middle(middle(y)), inner(y)]))
    assert kinds(model) == ["relu"] * 3
    batch = tf.random.stateless_normal([3, 6], [1, 2])
    np.testing.assert_allclose(record(model)(batch), model(batch), atol=1e-6)


@pytest.mark.parametrize(
    "layer", [layers.Dropout(0.9, name="on"), layers.BatchNormalization(name="on")]
)
def test_layers_left_in_training_are_refused_by_name(layer: keras.Layer) -> None:
    x = keras.Input((6,))
    with pytest.raises(InputError, match=r"Layer 'on' .* is called with training=True, so that"):
        record(keras.Model(x, layer(x, training=True)))


def test_dropout_and_batch_norm_run_in_inference_mode() -> None:
    x = keras.Input((6,))
    model = keras.Model(x, layers.BatchNormalization()(layers.Dropout(0.9)(x)))
    batch = tf.random.stateless_normal([3, 6], [1, 2])
    np.testing.assert_allclose(record(model)(batch), batch / np.sqrt(1.001), rtol=1e-5)


def test_recording_leaves_no_trace_on_the_layers() -> None:
    x = keras.Input((6,))
    dense = layers.Dense(4, activation="relu")
    model = keras.Model(x, layers.Dense(2)(dense(x)))
    before = dense.output, model.to_json()
    record(model)
    assert dense.output is before[0]
    assert model.to_json() == before[1]


def test_subclassed_models_have_no_graph() -> None:
    class Own(keras.Model):
        def call(self, x):
            return x

    assert record(Own()) is None


def test_a_functional_model_with_its_own_call_has_no_graph() -> None:
    class Doubled(keras.Model):
        def call(self, x):
            return 2 * super().call(x)

    x = keras.Input((3,))
    assert record(Doubled(x, layers.Dense(2)(x))) is None


def test_several_outputs_are_refused_by_name() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, [layers.Dense(2)(x), layers.Dense(2)(x)], name="twins")
    with pytest.raises(InputError, match="'twins' has 2 outputs; build a model with the one"):
        record(model)


def test_a_sequential_without_input_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"no input shape yet; give it a keras\.Input"):
        record(keras.Sequential([layers.Dense(2)], name="bare"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50V2", "DenseNet121", "EfficientNetB0"])
def test_keras_applications_are_reproduced_exactly(name: str) -> None:
    model = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=5)
    batch = tf.random.stateless_uniform([1, 64, 64, 3], [1, 2])
    np.testing.assert_array_equal(record(model)(batch), model(batch))
