from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_fragile.data import PREPROCESSINGS
from tf_fragile.errors import InputError
from tf_fragile.models import zoo
from tf_fragile.models.zoo.applications import APPLICATIONS

SMALL = ("cifar10_fragility", "cifar10_modified_bp", "embedded", "mnist_cnn", "mnist_mlp")

# From the papers' layer tables; SqueezeNet's from its published weights.
PARAMETERS = {
    "cifar10_fragility": 13_592_970,
    "cifar10_modified_bp": 896 + 18_496 + 73_856 + 147_584 + 8_389_632 + 10_250,
    "mnist_mlp": 784 * 2500 + 2500 + 2500 * 1500 + 1500 + 1500 * 500 + 500 + 5010,
    "mnist_cnn": 832 + 51_264 + 7 * 7 * 64 * 1024 + 1024 + 10_250,
    "squeezenet_v1.0": 1_248_424,
    "efficientnet_lite0": 4_694_024,
    "mobilenet_v1": 4_221_032,
    "mobilenet_v2": 3_487_816,
}

MOBILE = ("efficientnet_lite0", "mobilenet_v1", "mobilenet_v2")


@pytest.mark.parametrize("name", PARAMETERS)
def test_number_of_parameters_is_the_published_one(name: str) -> None:
    assert zoo.load(name, weights="random").count_params() == PARAMETERS[name]


@pytest.mark.parametrize("name", SMALL)
def test_networks_end_in_logits_of_the_declared_shape(name: str) -> None:
    entry = zoo.entry(name)
    model = zoo.load(name, weights="random")
    assert entry.input_shape is not None
    assert model.input_shape == (None, *entry.input_shape)
    x = np.random.default_rng(0).normal(size=(3, *entry.input_shape)).astype(np.float32)
    logits = np.asarray(model(30 * x))
    assert logits.shape == (3, entry.num_classes)
    assert not np.allclose(logits.sum(axis=1), 1) and logits.min() < 0


def test_squeezenet_logits_are_averages_over_a_padded_map() -> None:
    model = zoo.load("squeezenet_v1.0", weights="random")
    assert model.get_layer("conv10").output.shape == (None, 15, 15, 1000)
    assert [model.get_layer(f"pool{i}").output.shape[1] for i in (1, 4, 8)] == [55, 27, 13]
    assert model.output_shape == (None, 1000)


@pytest.mark.parametrize("name", MOBILE)
def test_mobile_networks_end_in_logits_at_the_side_asked_for(name: str) -> None:
    model = zoo.load(name, weights="random", side=48)
    assert model.input_shape == (None, 48, 48, 3) and model.output_shape == (None, 1000)
    assert model.layers[-1].activation is keras.activations.linear
    assert model.get_layer("pool").input.shape[1:3] == (2, 2)


@pytest.mark.parametrize("side", [31, 64.0, True])
@pytest.mark.parametrize("name", MOBILE)
def test_impossible_side_is_refused(name: str, side: object) -> None:
    with pytest.raises(InputError, match=rf"side of the image is {side}; give .* 32 or more\.$"):
        zoo.load(name, weights="random", side=side)


@pytest.mark.parametrize(("name", "skips"), [("efficientnet_lite0", 9), ("mobilenet_v2", 10)])
def test_inverted_residuals_skip_where_stride_and_width_allow(name: str, skips: int) -> None:
    model = zoo.load(name, weights="random", side=32)
    assert sum(isinstance(layer, keras.layers.Add) for layer in model.layers) == skips


def test_embedded_net_has_stand_alone_relu_after_each_normalisation() -> None:
    kinds = [type(layer).__name__ for layer in zoo.load("embedded").layers]
    assert kinds[1:13] == ["Conv2D", "BatchNormalization", "ReLU"] * 4
    assert zoo.load("embedded").get_layer("relu4").output.shape == (None, 8, 8, 64)


def test_width_scales_every_hidden_layer() -> None:
    model = zoo.load("cifar10_fragility", weights="random", width=0.25)
    units = [layer.kernel.shape[-1] for layer in model.layers if layer.weights]
    assert units == [24, 24, 24, 48, 48, 48, 256, 10]


@pytest.mark.parametrize("name", zoo.ZOO)
def test_every_entry_names_a_preprocessing_that_exists(name: str) -> None:
    preprocessing = PREPROCESSINGS[str(zoo.entry(name).preprocessing)]
    shape = zoo.entry(name).input_shape
    assert shape is not None and preprocessing.channels in (None, shape[-1])


def test_every_keras_application_is_an_entry() -> None:
    there = {
        name
        for name in dir(keras.applications)
        if name[0].isupper() and callable(getattr(keras.applications, name))
    }
    assert set(APPLICATIONS) == there


@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV3Small"])
def test_application_is_built_with_linear_logits(name: str) -> None:
    model = zoo.load(name, weights="random")
    assert model.input_shape == (None, *(zoo.entry(name).input_shape or ()))
    assert model.output_shape == (None, 1000)
    assert getattr(model.layers[-1], "activation", keras.activations.linear).__name__ == "linear"


@pytest.mark.parametrize("name", ["squeezenet_v1.0", "MobileNet", "mnist_mlp"])
def test_missing_weights_must_be_asked_for(name: str) -> None:
    with pytest.raises(InputError, match=r"comes without weights.*weights='random'"):
        zoo.load(name)


def test_unknown_network_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean ResNet50"):
        zoo.load("Resnet50", weights="random")


@pytest.mark.parametrize("options", [{"width": 0}, {"depth": 3}])
def test_impossible_options_are_refused(options: dict) -> None:
    with pytest.raises(InputError, match=r"width|depth"):
        zoo.load("cifar10_fragility", weights="random", **options)
