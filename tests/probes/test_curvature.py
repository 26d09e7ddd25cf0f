"""The input Hessian: products, leading eigenvector, angles, and the records made of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data.source import Batch
from tf_fragile.errors import InputError
from tf_fragile.explainers.gradient import input_gradient
from tf_fragile.probes.curvature.hessian import (
    Leading,
    PowerIteration,
    angle,
    differentiate,
    leading_eigenpair,
    norm,
    unit,
)
from tf_fragile.probes.curvature.probe import NO_CURVATURE, CurvatureProbe, measure
from tf_fragile.runs.records import make_records
from tf_fragile.surrogates import NoSurrogate, Softplus

layers = keras.layers
EXACT = PowerIteration(1e-11, 3000)
ONE = tf.constant([1])


def dense_net(*sizes: int, activation: str | None = "softplus", seed: int = 0) -> Network:
    """A float64 network of one output z, so that the score of class 1 is z itself."""
    rng = np.random.default_rng(seed)
    x = keras.Input((sizes[0],), dtype="float64")
    h = x
    for i, units in enumerate((*sizes[1:], 1)):
        last = i == len(sizes) - 1
        h = layers.Dense(units, activation=None if last else activation, dtype="float64")(h)
    model = keras.Model(x, h)
    model.set_weights([rng.normal(size=w.shape) / np.sqrt(w.shape[0]) for w in model.weights])
    return as_network(model)


def score_of(network: Network, target: tf.Tensor = ONE) -> partial[tf.Tensor]:
    return partial(lambda x, target: network.score(x, tf.repeat(target, len(x))), target=target)


def two_layer(w: np.ndarray, v: np.ndarray) -> Network:
    """S = Σ_j v_j softplus(w_j·x), w [h, d]."""
    network = dense_net(w.shape[1], w.shape[0])
    network.model.set_weights([w.T, np.zeros(len(v)), v[:, None], np.zeros(1)])
    return network


def leading(network: Network, x: np.ndarray, settings: PowerIteration = EXACT) -> Leading:
    start = np.random.default_rng(9).normal(size=x.shape)
    found = leading_eigenpair(score_of(network), tf.constant(x), tf.constant(start), settings)
    return Leading(*(np.asarray(t) for t in found))


def dense_hessian(network: Network, x: np.ndarray) -> np.ndarray:
    """[B, d, d], column by column."""
    curve = differentiate(score_of(network), tf.constant(x))
    columns = [
        np.asarray(curve.product(tf.constant(np.tile(e, (len(x), 1))))) for e in np.eye(x.shape[1])
    ]
    return np.stack(columns, axis=2)


def test_a_product_is_the_derivative_of_the_gradient() -> None:
    network, rng = dense_net(6, 5, 4), np.random.default_rng(1)
    x, v = rng.normal(size=(2, 3, 6))
    step = 1e-5
    ahead, behind = (
        np.asarray(differentiate(score_of(network), tf.constant(x + s * step * v)).gradient)
        for s in (1, -1)
    )
    product = differentiate(score_of(network), tf.constant(x)).product(tf.constant(v))
    np.testing.assert_allclose(product, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-10)


def test_a_linear_model_has_no_hessian() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4))
    found = leading(dense_net(4), x)
    assert not found.eigenvalue.any() and found.converged.all() and (found.iterations == 1).all()
    assert np.isnan(measure(found)["angle"]).all() and not measure(found)["local_curvature"].any()


def test_one_softplus_unit_is_most_fragile_along_its_weights_as_is_its_gradient() -> None:
    w = np.random.default_rng(0).normal(size=50)
    network = two_layer(w[None], np.array([1.0]))
    x = 0.1 * np.random.default_rng(1).normal(size=(1, 50))
    found = leading(network, x)
    assert angle(found.direction, w[None])[0] == pytest.approx(0, abs=1e-5)
    assert angle(found.direction, found.gradient)[0] == pytest.approx(0, abs=1e-5)
    gate = 1 / (1 + np.exp(-w @ x[0]))
    assert found.eigenvalue[0] == pytest.approx(gate * (1 - gate) * w @ w, rel=1e-10)
    assert found.iterations[0] <= 2  # rank one: the first product is the answer


@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
def test_one_units_map_changes_by_the_closed_form_to_first_order(epsilon: float) -> None:
    w = np.random.default_rng(0).normal(size=50)
    network = two_layer(w[None], np.array([1.0]))
    x = 0.1 * np.random.default_rng(1).normal(size=(1, 50))
    before, after = (
        np.asarray(input_gradient(network, tf.constant(point), ONE))
        for point in (x, x + epsilon * np.sign(w))
    )
    change = (after - before) / before
    ratio = np.exp(-np.logaddexp(0, w @ x[0]))  # g''/g' = 1 - sigmoid
    closed = epsilon * np.abs(w).sum() * ratio
    assert np.ptp(change) < 1e-9  # every entry by the same factor
    np.testing.assert_allclose(change, closed, rtol=2 * closed)  # the rest is of second order


def test_orthogonal_units_lead_one_at_a_time() -> None:
    rng = np.random.default_rng(3)
    lengths = rng.permutation(np.geomspace(0.5, 2, 12))
    w = np.linalg.qr(rng.normal(size=(40, 12))).Q.T * lengths[:, None]
    v, x = rng.normal(size=12), rng.normal(size=(1, 40))
    found = leading(two_layer(w, v), x)
    gate = 1 / (1 + np.exp(-w @ x[0]))
    k = np.argmax(np.abs(v) * gate * (1 - gate) * lengths**2)
    slopes = np.abs(v) * gate * lengths
    cosine = np.cos(np.radians(angle(found.direction, found.gradient)[0]))
    assert cosine == pytest.approx(slopes[k] / np.linalg.norm(slopes), abs=1e-4)
    assert angle(found.direction, w[k][None])[0] < 1e-3


@pytest.mark.parametrize("sizes", [(5, 8), (60, 30, 20), (200, 16, 16)])
def test_power_iteration_agrees_with_a_dense_decomposition(sizes: tuple[int, ...]) -> None:
    network = dense_net(*sizes)
    x = np.random.default_rng(2).normal(size=(3, sizes[0]))
    hessian = dense_hessian(network, x)
    np.testing.assert_allclose(hessian, hessian.transpose(0, 2, 1), atol=1e-12)
    values, vectors = np.linalg.eigh(hessian)
    top = np.abs(values).argmax(axis=1)
    found = leading(network, x)
    assert found.converged.all()
    rows = np.arange(3)
    np.testing.assert_allclose(found.eigenvalue, values[rows, top], rtol=1e-7)
    assert angle(found.direction, vectors[rows, :, top]).max() < 0.01
    assert found.residual.max() < 1e-4


def test_the_largest_eigenvalue_by_size_may_be_negative() -> None:
    w = np.eye(2, 6)
    found = leading(two_layer(w, np.array([1.0, -3.0])), np.zeros((1, 6)))
    assert found.eigenvalue[0] == pytest.approx(-3 / 4, rel=1e-9)


def test_two_equal_eigenvalues_of_opposite_sign_show_in_the_residual() -> None:
    found = leading(two_layer(np.eye(2, 6), np.array([1.0, -1.0])), np.zeros((1, 6)))
    assert found.residual[0] > 0.1


def test_a_vanishing_gradient_does_not_end_the_iteration() -> None:
    # Pairs ±w_j cancel in the gradient at 0 and add up in the Hessian.
    w = np.array([[1.0, 0, 0], [0, 0.8, 0]])
    found = leading(two_layer(np.concatenate([w, -w]), np.ones(4)), np.zeros((1, 3)))
    assert not found.gradient.any() and np.isnan(measure(found)["angle"]).all()
    assert angle(found.direction, w[:1])[0] < 0.01 and found.eigenvalue[0] == pytest.approx(0.5)


def test_an_iteration_cut_short_says_so() -> None:
    network, x = dense_net(60, 30, 20), np.random.default_rng(2).normal(size=(2, 60))
    short, long = leading(network, x, PowerIteration(1e-11, 2)), leading(network, x)
    assert not short.converged.any() and (short.iterations == 2).all()
    assert (short.residual > 100 * long.residual).all()


def test_a_row_stops_by_itself_and_is_then_left_alone() -> None:
    network = dense_net(60, 30, 20)
    x = np.random.default_rng(5).normal(size=(6, 60))
    start = tf.constant(np.random.default_rng(6).normal(size=(6, 60)))
    settings = PowerIteration(1e-3, 100)
    together = leading_eigenpair(score_of(network), tf.constant(x), start, settings)
    assert len(set(np.asarray(together.iterations))) > 1
    for i in range(6):
        rows = slice(i, i + 1)
        alone = leading_eigenpair(score_of(network), tf.constant(x[rows]), start[rows], settings)
        assert together.iterations[i] == alone.iterations[0]
        np.testing.assert_allclose(together.direction[rows], alone.direction, atol=1e-10)


def test_the_cosine_falls_with_the_root_of_the_width() -> None:
    """Many comparable orthogonal units: |cos| ~ 1/√h."""
    rng = np.random.default_rng(0)
    cosines = {}
    for width in (4, 64):
        # Equal slopes, and one unit whose curvature leads by its place at z = 0.
        w = np.linalg.qr(rng.normal(size=(80, width))).Q.T
        z = np.r_[0.0, rng.choice([-0.8, 0.8], size=width - 1)]
        found = leading(two_layer(w, rng.choice([-1.0, 1.0], size=width)), (w.T @ z)[None])
        cosines[width] = np.cos(np.radians(angle(found.direction, found.gradient)[0]))
        assert cosines[width] * np.sqrt(width) == pytest.approx(1, abs=0.25)
    assert cosines[64] == pytest.approx(cosines[4] / 4, rel=0.2)


def test_angles_fold_clip_and_leave_zero_vectors_open() -> None:
    a = np.array([[1.0, 0], [1, 0], [1, 1], [0, 0], [1e-200, 0]])
    b = np.array([[-2.0, 0], [0, 3], [1, 1], [1, 0], [1e-200, 0]])
    np.testing.assert_allclose(angle(a, b)[:3], [0, 90, 0], atol=1e-5)
    np.testing.assert_allclose(angle(a, b, folded=False)[:3], [180, 90, 0], atol=1e-5)
    assert np.isnan(angle(a, b)[3])


def test_lengths_of_tiny_and_of_zero_rows() -> None:
    rows = tf.constant([[3e-30, 4e-30], [0, 0]], tf.float32)
    np.testing.assert_allclose(norm(rows), [5e-30, 0], rtol=1e-6)
    np.testing.assert_allclose(unit(rows), [[0.6, 0.8], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize("wrong", [{"tolerance": 0.0}, {"tolerance": 1.0}, {"max_iterations": 0}])
def test_an_iteration_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="power iteration"):
        replace(PowerIteration(), **wrong)


@pytest.fixture(scope="module")
def network() -> Network:
    keras.utils.set_random_seed(2)
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    return as_network(keras.Model(x, layers.Dense(3)(layers.Flatten()(h))))


@pytest.fixture(scope="module")
def batch() -> Batch:
    image = np.random.default_rng(0).normal(0, 2, (5, 8, 8, 3)).astype(np.float32)
    return Batch(np.array([3, 14, 15, 92, 65]), image, np.array([0, 1, 2, -1, 0]))


NO_SOURCE: Any = None  # batches are given


def values(rows: list[dict], metric: str) -> dict[int, float]:
    return {row["sample"]: row["value"] for row in rows if row["metric"] == metric}


def only(batch: Batch, *rows: int) -> Batch:
    keep = list(rows)
    return Batch(batch.index[keep], batch.image[keep], batch.label[keep])


def test_the_probe_writes_every_metric_of_every_image(network: Network, batch: Batch) -> None:
    table = make_records(CurvatureProbe(network, NO_SOURCE).looked_at(batch), {})
    assert set(table["explainer"]) == {"gradient"}
    assert set(table[table["role"] == "control"]["metric"]) == {"random_angle"}
    assert (table.groupby("sample").size() == 9).all() and table["sample"].nunique() == 5
    wide = table.pivot(index="sample", columns="metric", values="value")
    assert wide["angle"].between(0, 90).all() and wide["random_angle"].between(60, 90).all()
    folded = np.minimum(wide["angle_unfolded"], 180 - wide["angle_unfolded"])
    np.testing.assert_allclose(folded, wide["angle"], atol=1e-9)
    assert (wide["converged"] == 1).all() and (wide["local_curvature"] > 0).all()
    predicted = table.drop_duplicates("sample").set_index("sample")["predicted"]
    assert predicted.loc[batch.index].tolist() == network.predict(batch.image).numpy().tolist()


def test_the_probe_finds_the_dense_eigenvector_of_the_softplus_network(
    network: Network, batch: Batch
) -> None:
    rows = CurvatureProbe(network, NO_SOURCE, Softplus(2.0), PowerIteration(1e-7, 2000)).looked_at(
        batch
    )
    smooth, target = Softplus(2.0).apply(network), network.predict(batch.image)
    flat = tf.constant(batch.image.reshape(5, -1))

    def score(x: tf.Tensor) -> tf.Tensor:
        return smooth.score(tf.reshape(x, [-1, 8, 8, 3]), target)

    curve = differentiate(score, flat)
    hessian = np.stack(
        [curve.product(tf.tile(e[None], [5, 1])) for e in tf.eye(flat.shape[1])], axis=2
    ).astype(np.float64)
    found, vectors = np.linalg.eigh((hessian + hessian.transpose(0, 2, 1)) / 2)
    top = np.abs(found).argmax(axis=1)
    expected = angle(vectors[np.arange(5), :, top], np.asarray(curve.gradient))
    np.testing.assert_allclose(list(values(rows, "angle").values()), expected, atol=0.05)
    np.testing.assert_allclose(
        list(values(rows, "eigenvalue").values()), found[np.arange(5), top], rtol=1e-3
    )


def test_the_cut_into_batches_does_not_matter(network: Network, batch: Batch) -> None:
    probe = CurvatureProbe(network, NO_SOURCE)
    together = make_records(probe.looked_at(batch), {})
    for order in ((0,), (4, 2), (1, 3)):
        part = make_records(probe.looked_at(only(batch, *order)), {})
        both = part.merge(together, on=["sample", "metric"])
        np.testing.assert_allclose(both["value_x"], both["value_y"], rtol=1e-3, atol=1e-3)


def test_the_seed_moves_the_start_and_the_control(network: Network, batch: Batch) -> None:
    tight = PowerIteration(1e-7, 2000)
    first, other = (
        CurvatureProbe(network, NO_SOURCE, settings=tight, seed=s).looked_at(batch) for s in (0, 1)
    )
    again = CurvatureProbe(network, NO_SOURCE, settings=tight).looked_at(batch)
    assert [r["value"] for r in first] == [r["value"] for r in again]
    assert values(first, "random_angle") != values(other, "random_angle")
    for sample, found in values(first, "angle").items():
        assert found == pytest.approx(values(other, "angle")[sample], abs=0.5)


def test_a_relu_network_has_no_curvature_of_its_own(network: Network, batch: Batch) -> None:
    rows = CurvatureProbe(network, NO_SOURCE, NoSurrogate()).looked_at(batch)
    assert np.isnan(list(values(rows, "angle").values())).all()
    assert {row["note"] for row in rows} == {NO_CURVATURE}
    assert set(values(rows, "surrogate_agrees").values()) == {1.0}


def test_a_surrogate_of_other_labels_is_counted(batch: Batch) -> None:
    # Softplus lifts the silent unit by ln 2, which turns every label of class 1 into class 0.
    x = keras.Input((8, 8, 3))
    h = layers.Dense(1, activation="relu", use_bias=False, kernel_initializer="zeros")(
        layers.Flatten()(x)
    )
    top = layers.Dense(2)
    network = as_network(keras.Model(x, top(h)))
    top.set_weights([np.array([[1.0, 0.0]]), np.array([0.0, 0.1])])
    rows = CurvatureProbe(network, NO_SOURCE).looked_at(batch)
    assert set(values(rows, "surrogate_agrees").values()) == {0.0}
    assert {row["predicted"] for row in rows} == {1}
