"""Tables, sets, graphs and pairs after keras.io's examples."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from designs.design import CLASSES, Design, Pair, ended

COLUMNS = {"age": 1, "hours": 1, "work": 6, "school": 4}


def _columns() -> dict[str, Any]:
    return {name: keras.Input((width,), name=name) for name, width in COLUMNS.items()}


def wide_and_deep() -> Pair:
    """`wide_deep_cross_networks`: linear beside deep, inputs in a dict."""
    x = _columns()
    wide = layers.BatchNormalization()(layers.Concatenate()(list(x.values())))
    deep = layers.Concatenate()([layers.Dense(4)(column) for column in x.values()])
    for _ in range(2):
        deep = layers.BatchNormalization()(layers.Dense(16)(deep))
        deep = layers.Dropout(0.1)(layers.ReLU()(deep))
    return ended(x, layers.Dense(CLASSES)(layers.Concatenate()([wide, deep])))


def deep_and_cross() -> Pair:
    """`wide_deep_cross_networks`: products of features with themselves."""
    x = _columns()
    start = cross = layers.Concatenate()(list(x.values()))
    for _ in range(2):
        cross = start * layers.Dense(start.shape[-1])(cross) + cross
    deep = layers.Dense(16, activation="relu")(start)
    return ended(x, layers.Dense(CLASSES)(layers.Concatenate()([cross, deep])))


def _gated(x: Any, width: int) -> Any:
    """Gated linear unit: linear times sigmoid."""
    return layers.Multiply()([layers.Dense(width)(x), layers.Dense(width, "sigmoid")(x)])


def _residual_gate(x: Any, width: int) -> Any:
    h = layers.Dense(width)(layers.Dense(width, activation="elu")(x))
    h = _gated(layers.Dropout(0.1)(h), width)
    skip = x if x.shape[-1] == width else layers.Dense(width)(x)
    return layers.LayerNormalization()(layers.Add()([skip, h]))


def gated_residual() -> Pair:
    """`classification_with_grn_and_vsn`: gated residual networks, variables selected softly."""
    x = _columns()
    columns = [layers.Dense(8)(column) for column in x.values()]
    weights = _residual_gate(layers.Concatenate()(columns), 8)
    weights = ops.expand_dims(layers.Dense(len(columns), "softmax")(weights), -1)
    stacked = ops.stack([_residual_gate(column, 8) for column in columns], axis=1)
    h = ops.squeeze(ops.matmul(ops.transpose(weights, (0, 2, 1)), stacked), axis=1)
    return ended(x, layers.Dense(1)(h), "sigmoid")


def point_net() -> Pair:
    """`pointnet`: a learned rotation of the points, then a maximum over them."""
    x = keras.Input((32, 3))

    def conv(h: Any, width: int) -> Any:
        h = layers.BatchNormalization()(layers.Conv1D(width, 1, padding="valid")(h))
        return layers.Activation("relu")(h)

    def turned(h: Any, size: int) -> Any:
        t = layers.GlobalMaxPooling1D()(conv(conv(h, 8), 16))
        bias = keras.initializers.Constant(np.eye(size).flatten())
        t = layers.Dense(size * size, kernel_initializer="zeros", bias_initializer=bias)(
            layers.Dense(8, activation="relu")(t)
        )
        return layers.Dot(axes=(2, 1))([h, layers.Reshape((size, size))(t)])

    h = conv(turned(x, 3), 8)
    h = layers.GlobalMaxPooling1D()(conv(turned(h, 8), 16))
    h = layers.Dropout(0.3)(layers.Dense(8, activation="relu")(h))
    return ended(x, layers.Dense(CLASSES)(h))


def _adjacency(nodes: int) -> np.ndarray:
    drawn = np.random.default_rng(1).uniform(size=(nodes, nodes)) < 0.3
    links = np.maximum(drawn, drawn.T) + np.eye(nodes)
    shares: np.ndarray = links / links.sum(1, keepdims=True)
    return shares.astype("float32")


def graph_convolution() -> Pair:
    """`gnn_citations` on one fixed graph: neighbours averaged by a constant matrix product."""
    nodes = 10
    x, links = keras.Input((nodes, 6)), _adjacency(nodes)
    h = layers.Dense(8, activation="relu")(ops.matmul(ops.convert_to_tensor(links), x))
    h = layers.Dense(8, activation="relu")(ops.einsum("ij,bjc->bic", links, h))
    return ended(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(h)))


def message_passing() -> Pair:
    """`mpnn-molecular-graphs`, light: the links come with each graph, messages are summed."""
    nodes = 8
    x = {"atoms": keras.Input((nodes, 6), name="atoms")}
    x["bonds"] = keras.Input((nodes, nodes), name="bonds")
    h = layers.Dense(8)(x["atoms"])
    for _ in range(2):
        message = layers.Dense(8, activation="relu")(h)
        h = h + layers.Dot(axes=(2, 1))([x["bonds"], message])
    return ended(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(h)), "sigmoid")


def siamese() -> Pair:
    """`siamese_contrastive`: shared towers, their cosine, one unit."""
    stack = [keras.Input((16, 16, 1)), layers.Conv2D(4, 5, activation="tanh")]
    stack += [layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(8, activation="tanh")]
    tower = keras.Sequential(stack)
    left, right = keras.Input((16, 16, 1), name="left"), keras.Input((16, 16, 1), name="right")
    cosine = layers.Dot(axes=1, normalize=True)([tower(left), tower(right)])
    return ended([left, right], layers.Dense(1)(cosine), "sigmoid")


def siamese_distance() -> Pair:
    """`siamese_contrastive` as written: the distance of shared towers, batch norm, sigmoid."""
    tower = keras.Sequential(
        [keras.Input((10,)), layers.Dense(16, activation="relu"), layers.Dense(6)]
    )
    left, right = keras.Input((10,), name="left"), keras.Input((10,), name="right")
    square = ops.sum(ops.square(tower(left) - tower(right)), axis=1, keepdims=True)
    distance = ops.sqrt(ops.maximum(square, keras.config.epsilon()))
    return ended([left, right], layers.Dense(1)(layers.BatchNormalization()(distance)), "sigmoid")


def attention_mil() -> Pair:
    """`attention_mil_classification`: a bag of instances, gated attention over them."""
    x = keras.Input((6, 12))
    h = layers.Dense(16, activation="relu")(layers.Dense(16, activation="relu")(x))
    gate = layers.Multiply()([layers.Dense(8, "tanh")(h), layers.Dense(8, "sigmoid")(h)])
    weights = layers.Softmax(axis=1)(layers.Dense(1, use_bias=False)(gate))
    bag = ops.sum(layers.Multiply()([weights, h]), axis=1)
    return ended(x, layers.Dense(2)(bag))


def mixture_of_experts() -> Pair:
    """A softmax of its own chooses among dense experts."""
    x = keras.Input((12,))
    gate = layers.Dense(3, activation="softmax")(x)
    experts = ops.stack([layers.Dense(8, activation="relu")(x) for _ in range(3)], axis=1)
    h = ops.einsum("be,bec->bc", gate, experts)
    return ended(x, layers.Dense(CLASSES)(h))


DESIGNS = (
    Design("wide and deep, dict", wide_and_deep, -2, 2),
    Design("deep and cross, dict", deep_and_cross, -2, 2),
    Design("gated residual, variable selection", gated_residual, -2, 2),
    Design("PointNet", point_net),
    Design("graph convolution, constant links", graph_convolution),
    Design("message passing, links given", message_passing, 0, 1),
    Design("siamese, cosine", siamese, 0, 1),
    Design("siamese, distance", siamese_distance),
    Design("attention over instances", attention_mil),
    Design("mixture of experts", mixture_of_experts),
)
