"""Every rule of a weighted layer against slow matrix algebra on the layer as an explicit matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.graph import Node, Ref
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.rules import (
    AlphaBeta,
    Contrast,
    Epsilon,
    Gamma,
    ZBox,
    flat,
    gradient,
    wsquare,
    zplus,
)

L = keras.layers
LAYERS: dict[str, tuple[Callable[[], keras.Layer], tuple[int, ...]]] = {
    "dense": (lambda: L.Dense(4, dtype="float64"), (6,)),
    "dense on a map": (lambda: L.Dense(3, dtype="float64"), (3, 2, 4)),
    "strided": (lambda: L.Conv2D(3, 3, 2, "same", dtype="float64"), (5, 6, 2)),
    "dilated": (lambda: L.Conv2D(2, 2, dilation_rate=2, dtype="float64"), (5, 4, 2)),
    "grouped": (lambda: L.Conv2D(4, 3, groups=2, padding="same", dtype="float64"), (4, 4, 4)),
    "causal": (lambda: L.Conv1D(3, 3, padding="causal", dtype="float64"), (6, 2)),
    "volume": (lambda: L.Conv3D(2, 2, dtype="float64"), (3, 3, 2, 2)),
    "depthwise": (lambda: L.DepthwiseConv2D(3, depth_multiplier=2, dtype="float64"), (5, 4, 2)),
    "transposed": (lambda: L.Conv2DTranspose(2, 3, 2, "same", dtype="float64"), (3, 3, 3)),
}
LOW, HIGH = -3.0, 4.0


def made(name: str) -> keras.Layer:
    """A layer with weights of both signs."""
    make, shape = LAYERS[name]
    rng, layer = np.random.default_rng(1), make()
    layer.build((None, *shape))
    layer.set_weights([rng.standard_normal(w.shape) for w in layer.get_weights()])
    return layer


@lru_cache(maxsize=len(LAYERS))
def as_matrix(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The layer as a matrix [in, out], and what it gives for zeros [1, ...]."""
    layer, shape = made(name), LAYERS[name][1]
    size = int(np.prod(shape))
    points = np.concatenate([np.zeros((1, size)), np.eye(size)]).reshape(-1, *shape)
    values = layer(points).numpy()
    matrix = (values[1:] - values[:1]).reshape(size, -1)
    matrix[np.abs(matrix) < 1e-12] = 0  # what is left of the bias after subtracting it
    return matrix, values[:1]


class Case:
    """A layer, one input, relevance of the output, and the layer as a matrix."""

    def __init__(self, name: str, signed: bool = True) -> None:
        shape, rng = LAYERS[name][1], np.random.default_rng(2)
        x = rng.uniform(-2, 2, (1, *shape))
        self.x = x if signed else np.abs(x)
        self.node = Node(Affine(made(name)), (Ref(0),), {}, (1,), name)
        self.W, bias = as_matrix(name)
        self.b = bias.reshape(-1)
        self.R = rng.standard_normal(bias.shape)

    def ours(self, rule: Callable) -> np.ndarray:
        x = tf.constant(self.x)
        (result,) = rule(self.node, [x], self.node.operation(x), tf.constant(self.R))
        assert result.shape == x.shape
        return result.numpy().reshape(-1)

    @property
    def z(self) -> np.ndarray:
        return self.x.reshape(-1) @ self.W + self.b


def shares(Z: np.ndarray, R: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """`R_i = Σ_j Z_ij R_j / d_j`, entry by entry."""
    result = np.zeros(len(Z))
    for j, d in enumerate(denominator):
        result += Z[:, j] * R.reshape(-1)[j] / (d if d else 1e-7)
    return result


def pos(a: np.ndarray) -> np.ndarray:
    return np.where(a > 0, a, 0)


def neg(a: np.ndarray) -> np.ndarray:
    return np.where(a < 0, a, 0)


def epsilon_twin(case: Case, epsilon: float, bias: bool) -> np.ndarray:
    z = case.z if bias else case.z - case.b
    z = z + epsilon * np.where(z >= 0, 1, -1)
    return shares(case.x.reshape(-1, 1) * case.W, case.R, z)


def alpha_beta_twin(case: Case, alpha: float, beta: float, bias: str) -> np.ndarray:
    Z, b = case.x.reshape(-1, 1) * case.W, case.b
    up, down = {"innvestigate": (b, b), "split": (pos(b), neg(b)), "ignore": (0, 0)}[bias]
    plus = shares(pos(Z), case.R, pos(Z).sum(0) + up)
    return alpha * plus - beta * shares(neg(Z), case.R, neg(Z).sum(0) + down)


def gamma_twin(case: Case, gamma: float) -> np.ndarray:
    W, b, x = case.W, case.b, case.x.reshape(-1, 1)
    raised, lowered = W + gamma * pos(W), W + gamma * neg(W)
    above = pos(x) * raised + neg(x) * lowered
    under = pos(x) * lowered + neg(x) * raised
    z, R = case.z, case.R.reshape(-1)
    result = shares(above, R * (z > 0), above.sum(0) + b + gamma * pos(b))
    return result + shares(under, R * (z < 0), under.sum(0) + b + gamma * neg(b))


every_layer = pytest.mark.parametrize("name", LAYERS)


def assert_twins(ours: np.ndarray, twin: np.ndarray) -> None:
    np.testing.assert_allclose(ours, twin, rtol=1e-9, atol=1e-9 * np.abs(twin).max())


@every_layer
@pytest.mark.parametrize(("epsilon", "bias"), [(0, True), (0.25, True), (0, False)])
def test_epsilon(name: str, epsilon: float, bias: bool) -> None:
    case = Case(name)
    assert_twins(case.ours(Epsilon(epsilon, bias)), epsilon_twin(case, epsilon, bias))


@pytest.mark.slow
@every_layer
@pytest.mark.parametrize("bias", ["innvestigate", "split", "ignore"])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (2.0, 1.0)])
def test_alpha_beta(name: str, alpha: float, beta: float, bias: str) -> None:
    case, rule = Case(name), AlphaBeta(alpha, beta, bias)
    assert_twins(case.ours(rule), alpha_beta_twin(case, alpha, beta, bias))
    case = Case(name, signed=False)
    assert_twins(case.ours(replace(rule, signed=False)), alpha_beta_twin(case, alpha, beta, bias))


@every_layer
def test_gamma(name: str) -> None:
    case = Case(name)
    assert_twins(case.ours(Gamma(0.3)), gamma_twin(case, 0.3))
    case = Case(name, signed=False)
    assert_twins(case.ours(Gamma(0.3, signed=False)), gamma_twin(case, 0.3))


@every_layer
def test_wsquare_flat_and_gradient(name: str) -> None:
    case = Case(name)
    squares, taps = case.W**2, (case.W != 0).astype(float)
    assert_twins(case.ours(wsquare), shares(squares, case.R, squares.sum(0)))
    assert_twins(case.ours(flat), shares(taps, case.R, taps.sum(0)))
    assert_twins(case.ours(gradient), case.W @ case.R.reshape(-1))


@every_layer
def test_zbox(name: str) -> None:
    case = Case(name)
    low, high = tf.fill(case.x.shape, LOW), tf.fill(case.x.shape, HIGH)
    low, high = (tf.cast(bound, tf.float64) for bound in (low, high))
    q = case.x.reshape(-1, 1) * case.W - LOW * pos(case.W) - HIGH * neg(case.W)
    assert_twins(case.ours(ZBox({0: low}, {0: high})), shares(q, case.R, q.sum(0)))


@every_layer
def test_contrast_subtracts_the_dual_unit(name: str) -> None:
    case = Case(name)
    Z = case.x.reshape(-1, 1) * case.W
    dual = shares(pos(-Z), case.R, pos(-Z).sum(0))
    twin = shares(pos(Z), case.R, pos(Z).sum(0)) - dual
    assert_twins(case.ours(Contrast(zplus())), twin)


def test_gamma_goes_from_zero_to_zplus() -> None:
    case = Case("strided", signed=False)
    np.testing.assert_allclose(case.ours(Gamma(0.0)), case.ours(Epsilon()), atol=1e-9)
    case.R = np.where(case.z.reshape(case.R.shape) > 0, case.R, 0)
    for bias in (True, False):
        ours = case.ours(Gamma(1e9, bias=bias))
        limit = case.ours(AlphaBeta(1, 0, "split" if bias else "ignore"))
        np.testing.assert_allclose(ours, limit, rtol=1e-6, atol=1e-8)


def test_wsquare_and_flat_agree_on_equal_magnitudes_and_conserve() -> None:
    case = Case("strided")
    layer = case.node.operation.layer
    layer.kernel.assign(tf.sign(layer.kernel))
    np.testing.assert_allclose(case.ours(wsquare), case.ours(flat), atol=1e-12)
    np.testing.assert_allclose(case.ours(flat).sum(), case.R.sum(), atol=1e-12)


def test_zbox_is_zplus_where_nothing_is_negative() -> None:
    case = Case("strided", signed=False)
    kernel = case.node.operation.layer.kernel
    kernel.assign(tf.abs(kernel))
    zero, high = (
        tf.zeros(case.x.shape, tf.float64),
        tf.fill(case.x.shape, tf.constant(9.0, "double")),
    )
    ours = case.ours(ZBox({0: zero}, {0: high}))
    np.testing.assert_allclose(ours, case.ours(zplus()), atol=1e-12)


def test_zbox_gives_negative_relevance_outside_its_bounds_only() -> None:
    case = Case("dense")
    case.R = np.abs(case.R)
    for low, high, inside in ((-2.5, 2.5, True), (-0.1, 0.1, False)):
        bounds = [{0: tf.fill(case.x.shape, tf.constant(v, "double"))} for v in (low, high)]
        result = case.ours(ZBox(*bounds))
        assert (result.min() >= 0) == inside
        np.testing.assert_allclose(result.sum(), case.R.sum(), atol=1e-9)


def test_units_without_positive_products_lose_their_relevance() -> None:
    case = Case("dense")
    layer = case.node.operation.layer
    kernel = layer.kernel.numpy()
    kernel[:, 1] = -np.sign(case.x[0])
    layer.kernel.assign(kernel)
    lost = case.R[0, 1]
    np.testing.assert_allclose(case.ours(zplus()).sum(), case.R.sum() - lost, atol=1e-12)
    both = case.ours(AlphaBeta(2, 1, "ignore")).sum()
    np.testing.assert_allclose(both, case.R.sum() - 2 * lost, atol=1e-12)
