"""What theory promises of relevance on whole networks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff

L = keras.layers
RNG = np.random.default_rng(7)
X = RNG.standard_normal((3, 8, 8, 2))


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


def shaken(model: keras.Model, biases: bool = True) -> keras.Model:
    """`model` with all weights random; batch norm statistics positive."""
    rng = np.random.default_rng(2)
    for layer in model.layers:
        for variable in layer.weights:
            noise = rng.standard_normal(variable.shape)
            if "variance" in variable.path or "gamma" in variable.path:
                variable.assign(0.5 + np.abs(noise))
            elif "kernel" in variable.path:
                variable.assign(noise / np.sqrt(np.prod(variable.shape[:-1])))
            else:
                variable.assign(0.3 * noise * biases)
    return model


def network(norm: bool = True, biases: bool = True) -> keras.Model:
    """ReLUs in three forms, both pools, a residual, a concatenation, a separable convolution."""
    x = keras.Input((8, 8, 2), dtype="float64")
    h = L.Conv2D(4, 3, padding="same", use_bias=biases)(x)
    h = L.ReLU()(L.BatchNormalization()(h) if norm else h)
    b = L.SeparableConv2D(4, 3, padding="same", use_bias=biases)(h)
    h = L.Activation("relu")(L.Add()([h, b]))
    h = L.Concatenate()([L.MaxPooling2D(3, 2)(h), L.AveragePooling2D(3, 2)(h)])
    h = L.Conv2D(5, 2, activation="relu", use_bias=biases)(h)
    out = L.Dense(3, use_bias=biases)(L.GlobalAveragePooling2D()(h))
    return shaken(keras.Model(x, out), biases)


def chain(biases: bool = True) -> keras.Model:
    """ReLU layers one after the other: a unit with relevance is active, so none gets stuck."""
    stack = [
        L.Conv2D(6, 3, padding="same", activation="relu", use_bias=biases),
        L.MaxPooling2D(2),
        L.Conv2D(8, 2, use_bias=biases),
        L.ReLU(),
        L.GlobalAveragePooling2D(),
        L.Dense(3, use_bias=biases),
    ]
    return shaken(keras.Sequential([keras.Input((8, 8, 2), dtype="float64"), *stack]))


def gradient_times_input(model: keras.Model, target: int) -> np.ndarray:
    return tff.explain("gradient_x_input", model)(X, target=target)


def test_lrp_zero_is_the_gradient_times_the_input() -> None:
    model = network()
    maps = tff.explain("lrp_zero", model)(X, target=1)
    expected = gradient_times_input(model, 1)
    np.testing.assert_allclose(maps, expected, atol=1e-9 * np.abs(expected).max())
    ignoring = tff.explain("lrp_zero", model, bias=False)(X, target=1)
    assert np.abs(ignoring - expected).max() > 1e-3 * np.abs(expected).max()


def test_without_biases_ignoring_them_changes_nothing() -> None:
    model = network(norm=False, biases=False)
    maps = tff.explain("lrp_zero", model, bias=False)(X, target=1)
    np.testing.assert_allclose(maps, gradient_times_input(model, 1), atol=1e-9)


def test_folding_batch_norms_keeps_lrp_zero_and_changes_alpha_beta() -> None:
    model = network()
    folded, formula = (
        tff.explain("lrp_zero", model, batch_norm=way)(X, target=0) for way in ("fold", "zformula")
    )
    np.testing.assert_allclose(folded, formula, atol=1e-9 * np.abs(formula).max())
    folded, depthwise = (
        tff.explain("lrp_alpha_beta", model, batch_norm=way)(X, target=0)
        for way in ("fold", "depthwise")
    )
    assert np.abs(folded - depthwise).max() > 1e-3 * np.abs(folded).max()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lrp_epsilon", {"epsilon": 1e-13}),
        ("lrp_wsquare", {"average_pool": "gradient"}),  # they reach silent units too
        ("lrp_flat", {"average_pool": "gradient"}),
        ("lrp_zplus", {}),
        ("lrp_zbox", {"low": -6, "high": 6}),
        ("excitation_backprop", {}),
        ("lrp_alpha_beta", {"alpha": 1, "beta": 0, "bias": "ignore"}),
    ],
)
def test_relevance_is_conserved_without_biases(name: str, settings: dict[str, Any]) -> None:
    explainer = tff.explain(name, chain(biases=False), **settings)
    np.testing.assert_allclose(explainer.gap(X), 0, atol=1e-9)


def test_epsilon_conserves_through_sums_pools_and_separable_convolutions() -> None:
    explainer = tff.explain("lrp_epsilon", network(biases=False), epsilon=1e-13, batch_norm="pass")
    np.testing.assert_allclose(explainer.gap(X), 0, atol=1e-9)


def test_bias_keeps_its_share_of_epsilon_relevance() -> None:
    model = shaken(keras.Sequential([keras.Input((4,), dtype="float64"), L.Dense(3)]))
    x = RNG.standard_normal((5, 4))
    explainer = tff.explain("lrp_epsilon", model, epsilon=1e-13)
    logit = model(x).numpy()[:, 2]
    kept = model.layers[0].bias.numpy()[2] / logit * logit
    np.testing.assert_allclose(explainer(x, target=2).sum(1), logit - kept, atol=1e-9)


def test_positive_methods_stay_positive() -> None:
    model = chain()
    bounds = {"first": "box", "low": -6.0, "high": 6.0}
    logits = model(X).numpy()
    target = logits.argmax(1)
    assert (logits.max(1) > 0).all()
    for bias in ("ignore", "split", "innvestigate"):
        maps = tff.explain("deep_taylor", model, bias=bias, **bounds)(X, target=target)
        assert maps.min() >= 0
        assert maps.max() > 0
    assert tff.explain("excitation_backprop", model)(X).min() >= 0
    assert tff.explain("lrp_zplus", model)(X, target=target).min() >= 0


def test_deep_taylor_explains_negative_logits_by_nothing_under_a_top_relu() -> None:
    model = network(norm=False)
    top = model.layers[-1]
    top.bias.assign(top.bias - 100.0)
    assert not tff.explain("deep_taylor", model, head="relu")(X).any()
    assert tff.explain("deep_taylor", model)(X).min() < 0


def test_alpha1_beta0_is_the_logit_times_excitation_backprop() -> None:
    model = network(norm=False)
    logit = model(X).numpy()[:, 1].reshape(-1, 1, 1, 1)
    plus = tff.explain("lrp_alpha_beta", model, alpha=1, beta=0, bias="ignore")(X, target=1)
    excited = tff.explain("excitation_backprop", model)(X, target=1)
    np.testing.assert_allclose(plus, logit * excited, atol=1e-12)
    box = tff.explain("lrp_zbox", model, low=-6, high=6)(X, target=1)
    assert np.abs(box - plus).max() > 1e-3 * np.abs(plus).max()


def test_contrastive_excitation_sums_to_zero_and_has_both_signs() -> None:
    explainer = tff.explain("excitation_backprop", chain(), contrastive=True)
    maps = explainer(X)
    np.testing.assert_allclose(maps.reshape(3, -1).sum(1), 0, atol=1e-12)
    assert maps.min() < 0 < maps.max()


def test_guided_backprop_is_the_scaled_gradient_where_nothing_is_negative() -> None:
    model = network(norm=False)
    for variable in model.weights:
        variable.assign(tf.abs(variable))
    x = np.abs(X)
    logit = model(x).numpy()[:, 1].reshape(-1, 1, 1, 1)
    expected = logit * tff.explain("gradient", model)(x, target=1)
    for name in ("guided_backprop", "deconvnet"):
        np.testing.assert_allclose(tff.explain(name, model)(x, target=1), expected, rtol=1e-9)
        plain = tff.explain(name, model, head="one")(x, target=1)
        np.testing.assert_allclose(logit * plain, expected, rtol=1e-9)


def test_with_a_negative_logit_the_first_cut_keeps_the_other_paths() -> None:
    model = network(norm=False)
    top = model.layers[-1]
    top.bias.assign(top.bias - 100.0)
    logit, one = (tff.explain("guided_backprop", model, head=h)(X) for h in ("logit", "one"))
    assert np.abs(logit).max() > 0
    correlation = np.corrcoef(logit.reshape(3, -1)[0], one.reshape(3, -1)[0])[0, 1]
    assert correlation < 0.5


def test_rectgrad_options_do_what_they_say() -> None:
    model = network(norm=False)
    plain = tff.explain("rectgrad", model, q=50)(X)
    product = tff.explain("rectgrad", model, q=50, input_product=True)(X)
    np.testing.assert_allclose(product, X * plain)
    for option in ("padding_trick", "redistribution"):
        changed = tff.explain("rectgrad", model, q=50, **{option: True})(X)
        assert np.abs(changed - plain).max() > 0


def test_cmp_uses_epsilon_on_dense_and_alpha_beta_with_the_full_bias_on_convolutions() -> None:
    model = network()
    ours = tff.explain("lrp_cmp", model, alpha=2, beta=1)(X)
    same = tff.explain(
        "lrp_epsilon_alpha2_beta1",
        model,
        epsilon=1e-10,
        bias="innvestigate",
        residual="alpha_beta",
        add_clip=True,
        batch_norm="depthwise",
    )(X)
    np.testing.assert_array_equal(ours, same)
    assert np.abs(ours - tff.explain("lrp_epsilon_alpha2_beta1", model)(X)).max() > 0


def test_maps_of_two_logits_converge_in_a_deep_chain_for_zplus_and_not_for_the_gradient() -> None:
    """Sixt et al. 2020, theorem 1; the numbers of the decline are from our own measurement."""
    stack = [L.Dense(128, activation="relu", use_bias=False) for _ in range(7)]
    model = keras.Sequential(
        [keras.Input((128,), dtype="float64"), *stack, L.Dense(3, use_bias=False)]
    )
    for layer in model.layers:
        layer.kernel.assign(RNG.standard_normal(layer.kernel.shape) * np.sqrt(2 / 128))
    x = np.abs(RNG.standard_normal((4, 128)))

    def cosine(name: str) -> float:
        a, b = (tff.explain(name, model)(x, target=t) for t in (0, 1))
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        return float(np.median(np.abs((a * b).sum(1)) / norms))

    assert 1 - cosine("lrp_zplus") < 1e-6
    assert cosine("gradient") < 0.5


def test_classes_of_a_one_unit_model_mirror_each_other() -> None:
    def build(units: int) -> keras.Model:
        x = keras.Input((5,), dtype="float64")
        return keras.Sequential([x, L.Dense(8, activation="relu"), L.Dense(units)])

    one, two = shaken(build(1)), build(2)
    two.layers[0].set_weights(one.layers[0].get_weights())
    kernel, bias = one.layers[1].get_weights()
    two.layers[1].set_weights([np.hstack([-kernel, kernel]), np.hstack([-bias, bias])])
    x = RNG.standard_normal((6, 5))
    for name in ("lrp_zero", "lrp_zplus", "lrp_alpha_beta", "guided_backprop", "lrp_gamma"):
        for target in (0, 1):
            maps = [tff.explain(name, model)(x, target=target) for model in (one, two)]
            np.testing.assert_allclose(maps[0], maps[1], atol=1e-12, err_msg=name)
