"""The networks that can be had by name."""

from __future__ import annotations

from tf_fragile.models.zoo import cifar, efficientnet_lite, embedded, mnist, mobilenet, squeezenet
from tf_fragile.models.zoo.applications import APPLICATIONS, application_entry
from tf_fragile.models.zoo.entry import ZooEntry
from tf_fragile.registry import Registry

ZOO: Registry[ZooEntry] = Registry("model")

for _entry in (
    ZooEntry(
        name="squeezenet_v1.0",
        build=squeezenet.build_squeezenet,
        input_shape=squeezenet.INPUT_SHAPE,
        preprocessing="squeezenet_v1.0",
        num_classes=squeezenet.CLASSES,
        description="SqueezeNet v1.0, 1.2 M parameters, 1000 ImageNet classes.",
        class_index="imagenet",
        short_side=256,
    ),
    ZooEntry(
        name="efficientnet_lite0",
        build=efficientnet_lite.build_efficientnet_lite0,
        input_shape=efficientnet_lite.INPUT_SHAPE,
        preprocessing="efficientnet_lite",
        num_classes=efficientnet_lite.CLASSES,
        description="EfficientNet-Lite0, 4.7 M parameters, 1000 ImageNet classes; option side.",
        class_index="imagenet",
        short_side=256,
        stored_as=efficientnet_lite.STORED_AS,
    ),
    ZooEntry(
        name="mobilenet_v1",
        build=mobilenet.build_mobilenet_v1,
        input_shape=mobilenet.INPUT_SHAPE,
        preprocessing="mobilenet",
        num_classes=mobilenet.CLASSES,
        description="MobileNet v1, 4.2 M parameters, 1000 ImageNet classes; option side.",
        class_index="imagenet",
        short_side=256,
    ),
    ZooEntry(
        name="mobilenet_v2",
        build=mobilenet.build_mobilenet_v2,
        input_shape=mobilenet.INPUT_SHAPE,
        preprocessing="mobilenet",
        num_classes=mobilenet.CLASSES,
        description="MobileNet v2, 3.5 M parameters, 1000 ImageNet classes; option side.",
        class_index="imagenet",
        short_side=256,
    ),
    ZooEntry(
        name="cifar10_fragility",
        build=cifar.build_cifar10_fragility,
        input_shape=cifar.INPUT_SHAPE,
        preprocessing="cifar10_mean",
        num_classes=cifar.CLASSES,
        description="CIFAR-10 network of Ghorbani et al. 2019; option width.",
        class_index="cifar10",
    ),
    ZooEntry(
        name="cifar10_modified_bp",
        build=cifar.build_cifar10_modified_bp,
        input_shape=cifar.INPUT_SHAPE,
        preprocessing="unit",
        num_classes=cifar.CLASSES,
        description="CIFAR-10 network of Sixt et al. 2020.",
        class_index="cifar10",
    ),
    ZooEntry(
        name="mnist_cnn",
        build=mnist.build_mnist_cnn,
        input_shape=mnist.INPUT_SHAPE,
        preprocessing="unit",
        num_classes=mnist.CLASSES,
        description="MNIST convolutional network of Adebayo et al. 2018.",
    ),
    ZooEntry(
        name="mnist_mlp",
        build=mnist.build_mnist_mlp,
        input_shape=mnist.INPUT_SHAPE,
        preprocessing="unit",
        num_classes=mnist.CLASSES,
        description="MNIST multi-layer perceptron of Adebayo et al. 2018.",
    ),
    ZooEntry(
        name="embedded",
        build=embedded.build_embedded,
        input_shape=embedded.INPUT_SHAPE,
        preprocessing="centered",
        num_classes=embedded.CLASSES,
        description="Small network for the embedded data, 51 k parameters, shipped trained.",
        class_index="embedded",
    ),
    *map(application_entry, APPLICATIONS),
):
    ZOO.register(_entry.name, _entry)
