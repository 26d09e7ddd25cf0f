"""What DeepLIFT promises of its contributions, whatever the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.errors import InputError, UnsupportedLayerError
from tf_fragile.models import zoo

L = keras.layers
RULES = ["deeplift_rescale", "deeplift_reveal_cancel", "deeplift_ablation"]
COMPLETE = RULES[:2]
RNG = np.random.default_rng(0)
X, X0 = RNG.standard_normal((3, 8, 8, 4)), RNG.standard_normal((8, 8, 4))


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_dtype_policy(before[0])
    keras.config.set_floatx(before[1])


def shaken(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + 0.3 * rng.standard_normal(variable.shape))
    return model


def wired(join: Callable[[Any, Any], Any]) -> keras.Model:
    """A model of two convolutions whose results `join` takes on."""
    x = keras.Input((8, 8, 4))
    h = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    h = join(h, L.Conv2D(4, 3, padding="same")(h))
    return shaken(keras.Model(x, L.Dense(3)(L.Flatten()(h))))


def chain(*stack: Callable[[], Any]) -> Callable[[Any, Any], Any]:
    """A join that ignores the second and sends the first through layers."""

    def join(h: Any, g: Any) -> Any:
        for make in stack:
            h = make()(h)
        return h

    return join


def squeezed(h: Any, g: Any) -> Any:
    """Squeeze and excitation: a product that broadcasts."""
    s = L.GlobalAveragePooling2D(keepdims=True)(g)
    return L.Multiply()([h, L.Conv2D(4, 1, activation="sigmoid")(s)])


max_pools = chain(
    lambda: L.MaxPooling2D(3, 2, padding="same"), lambda: L.MaxPooling2D(2, 1), L.ReLU
)
WIRINGS = {
    "add": lambda h, g: L.ReLU()(L.Add()([h, g])),
    "add itself": lambda h, g: L.ReLU()(L.Add()([g, g])),
    "subtract": lambda h, g: L.ReLU()(L.Subtract()([h, g])),
    "average": lambda h, g: L.ELU()(L.Average()([h, g, h])),
    "maximum": lambda h, g: L.ReLU()(L.Maximum()([h, g])),
    "multiply": lambda h, g: L.ReLU()(L.Multiply()([h, g])),
    "square": lambda h, g: L.ReLU()(L.Multiply()([g, g])),
    "squeeze": squeezed,
    "concatenate": lambda h, g: L.PReLU()(L.Concatenate()([h, g])),
    "operations": lambda h, g: keras.ops.exp(keras.ops.tanh(1.5 - g) * 2.0 + h / 3.0),
    "max pools": max_pools,
    "global max": chain(lambda: L.Conv2D(4, 3), L.GlobalMaxPooling2D, lambda: L.Activation("tanh")),
    "structure": chain(
        lambda: L.ZeroPadding2D(1),
        lambda: L.UpSampling2D(2),
        lambda: L.AveragePooling2D(3, 2, "same"),
        lambda: L.Cropping2D(1),
        lambda: L.Permute((3, 1, 2)),
        lambda: L.Activation("silu"),
        lambda: L.Rescaling(-0.5, 1.0),
        lambda: L.Activation("softplus"),
    ),
}


@pytest.mark.parametrize("wiring", sorted(WIRINGS))
@pytest.mark.parametrize("name", COMPLETE)
def test_contributions_sum_to_the_difference_of_the_logit(name, wiring) -> None:
    model = wired(WIRINGS[wiring])
    explainer = tff.explain(name, model, reference=X0)
    maps = explainer(X, target=[0, 1, 2])
    difference = model(X).numpy() - model(X0[None]).numpy()
    expected = difference[np.arange(3), [0, 1, 2]]
    np.testing.assert_allclose(maps.sum((1, 2, 3)), expected, atol=1e-10)
    np.testing.assert_allclose(explainer.gap(X, [0, 1, 2], maps), 0, atol=1e-10)


@pytest.mark.parametrize("name", COMPLETE)
def test_pools_routed_by_the_gradient_lose_what_crossing_them_keeps(name) -> None:
    model = wired(max_pools)
    gap = tff.explain(name, model, reference=X0, max_pool="gradient").gap(X, 1)
    assert np.abs(gap).min() > 1e-2


def test_ablation_does_not_keep_the_sum() -> None:
    gap = tff.explain("deeplift_ablation", wired(chain()), reference=X0).gap(X, 1)
    assert np.abs(gap).min() > 1e-2


def test_rescale_from_zero_without_biases_is_gradient_times_input() -> None:
    stack = [L.Conv2D(5, 3, use_bias=False, activation="relu") for _ in range(2)]
    top = [L.AveragePooling2D(2), L.Flatten(), L.Dense(3, use_bias=False)]
    model = keras.Sequential([keras.Input((8, 8, 4)), *stack, *top])
    expected = tff.explain("gradient_x_input", model)(X, target=1)
    np.testing.assert_allclose(
        tff.explain("deeplift_rescale", model)(X, target=1), expected, atol=1e-10
    )


@pytest.mark.parametrize("name", COMPLETE)
def test_where_no_activation_changes_state_it_is_gradient_times_difference(name) -> None:
    model = wired(chain(lambda: L.Conv2D(3, 3, activation="relu")))
    for layer in model.layers:
        if isinstance(layer, L.Conv2D):  # so far from the kink that nothing crosses it
            layer.bias.assign(layer.bias + 50.0)
    near = X0 + 0.01 * X
    gradient = tff.explain("gradient", model)(near, target=1)
    maps = tff.explain(name, model, reference=X0)(near, target=1)
    np.testing.assert_allclose(maps, gradient * (near - X0), atol=1e-10)


@pytest.mark.parametrize("name", COMPLETE)
def test_linear_model_has_weight_times_difference(name) -> None:
    model = keras.Sequential([keras.Input((8, 8, 4)), L.Flatten(), L.Dense(3)])
    kernel = model.layers[-1].kernel.numpy()[:, 1].reshape(8, 8, 4)
    maps = tff.explain(name, model, reference=X0)(X, target=1)
    np.testing.assert_allclose(maps, kernel * (X - X0), atol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_at_the_reference_the_map_is_zero_and_its_derivative_finite(name) -> None:
    explainer = tff.explain(name, wired(max_pools), reference=X0)
    x = tf.constant(X0[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        maps = explainer(x, target=1)
    np.testing.assert_array_equal(maps, np.zeros_like(maps))
    derivative = tape.gradient(maps, x)
    assert np.isfinite(derivative).all()
    assert np.abs(derivative).max() > 0


def test_reveal_cancel_shares_a_minimum_that_rescale_gives_to_one() -> None:
    x = keras.Input((2,))
    difference = L.Dense(1, use_bias=False, activation="relu")
    h = L.Concatenate()([x, difference(x)])
    top = L.Dense(2, use_bias=False)
    model = keras.Model(x, top(h))
    difference.kernel.assign([[1.0], [-1.0]])
    top.kernel.assign([[0.0, 1.0], [0.0, 0.0], [0.0, -1.0]])  # logit 1 is min(x1, x2)
    point = np.array([[3.0, 1.0]])
    shared = tff.explain("deeplift_reveal_cancel", model)(point, target=1)
    alone = tff.explain("deeplift_rescale", model)(point, target=1)
    np.testing.assert_allclose(shared, [[0.5, 0.5]], atol=1e-12)
    np.testing.assert_allclose(alone, [[0.0, 1.0]], atol=1e-12)


def test_ablation_is_a_chain_of_positive_weights_and_rescale_factors() -> None:
    first, second = L.Dense(6, activation="relu"), L.Dense(3)
    model = shaken(keras.Sequential([keras.Input((5,)), first, second]))
    x, x0 = RNG.standard_normal((2, 5)), RNG.standard_normal(5)
    maps = tff.explain("deeplift_ablation", model, reference=x0)(x, target=1)
    z, z0 = (v @ first.kernel.numpy() + first.bias.numpy() for v in (x, x0))
    factor = (np.maximum(z, 0) - np.maximum(z0, 0)) / (z - z0)
    down = np.maximum(second.kernel.numpy()[:, 1], 0) * factor
    multipliers = down @ np.maximum(first.kernel.numpy(), 0).T
    np.testing.assert_allclose(maps, multipliers * (x - x0), atol=1e-12)
    assert (maps / (x - x0) >= 0).all()


def balance(activation: str | None, bias: float, weight: float) -> keras.Model:
    """A unit that sees the difference of two inputs, and one logit that sees the unit."""
    stack = [L.Dense(1, activation=activation), L.Dense(2, use_bias=False)]
    model = keras.Sequential([keras.Input((2,)), *stack])
    stack[0].set_weights([np.array([[1.0], [-1.0]]), np.array([bias])])
    stack[1].set_weights([np.array([[0.0, weight]])])
    return model


def test_ablation_keeps_all_weights_of_a_unit_that_does_not_differ() -> None:
    explainer = tff.explain("deeplift_ablation", balance(None, 0.0, -1.0))
    # The unit stays at zero, so its negative weight counts; below it only the positive one does.
    np.testing.assert_allclose(explainer(np.array([[1.0, 1.0]]), target=1), [[-1.0, 0.0]])
    # One that moves has a negative weight, which is dropped.
    np.testing.assert_allclose(explainer(np.array([[2.0, 1.0]]), target=1), [[0.0, 0.0]])


def test_a_difference_too_small_to_divide_by_takes_the_slope_at_the_reference() -> None:
    explainer = tff.explain("deeplift_rescale", balance("relu", 3e-8, 1.0))
    maps = explainer(np.array([[1.0, 1.0 + 6e-8]]), target=1)  # crosses the kink at zero
    np.testing.assert_allclose(maps, [[1.0, -1.0]], atol=1e-7)


@pytest.mark.parametrize("name", RULES)
def test_several_references_are_averaged(name) -> None:
    model = wired(max_pools)
    references = RNG.standard_normal((3, 8, 8, 4))
    explainer = tff.explain(name, model, references=references)
    singles = [tff.explain(name, model, reference=r)(X, target=1) for r in references]
    np.testing.assert_allclose(explainer(X, target=1), np.mean(singles, axis=0), atol=1e-12)
    assert explainer.method.evaluations == 3
    if name in COMPLETE:
        np.testing.assert_allclose(explainer.gap(X, 1), 0, atol=1e-10)


def test_a_reference_for_each_sample() -> None:
    model = wired(chain())
    references = RNG.standard_normal(X.shape)
    maps = tff.explain("deeplift_rescale", model, reference=references)(X, target=1)
    for i in range(3):
        one = tff.explain("deeplift_rescale", model, reference=references[i])(X[i : i + 1], 1)
        np.testing.assert_allclose(maps[i : i + 1], one, atol=1e-12)


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("target", [0, 1])
def test_one_output_unit_explains_either_class(name, target: int) -> None:
    stack = [L.Dense(5, activation="relu"), L.Dense(1, activation="sigmoid")]
    model = shaken(keras.Sequential([keras.Input((4,)), *stack]))
    x = RNG.standard_normal((3, 4))
    explainer = tff.explain(name, model, reference=0.3)
    np.testing.assert_allclose(explainer.gap(x, target), 0, atol=1e-12)


def test_squeezenet_with_overlapping_pools_is_complete(shared_data: Path) -> None:
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    weights = shared_data / "squeezenet_v1.0_imagenet.npz"
    explainer = tff.explain("deeplift_rescale", zoo.load("squeezenet_v1.0", weights=weights))
    x = np.random.default_rng(0).uniform(-110, 140, (2, 227, 227, 3)).astype("float32")
    scores = explainer.network.logits(x).numpy().max(axis=1)
    assert np.abs(explainer.gap(x) / scores).max() < 1e-5


def flat_model(*stack: Any) -> keras.Model:
    return keras.Sequential([keras.Input((6, 4)), *stack, L.Flatten(), L.Dense(2)], name="net")


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (L.LayerNormalization(name="odd"), "LayerNormalization"),
        (L.LSTM(3, name="odd"), "LSTM"),
        (L.Softmax(name="odd"), "softmax"),
        (L.Activation(lambda x: x / (1 + tf.reduce_max(x)), name="odd"), "<lambda>"),
        (L.Lambda(lambda x: x * tf.reduce_max(x), name="odd"), "Lambda"),
    ],
)
@pytest.mark.parametrize("name", RULES)
def test_a_layer_without_a_rule_is_named(name, layer, kind) -> None:
    with pytest.raises(UnsupportedLayerError, match=rf"layer 'odd' \({kind}\): .*; explain"):
        tff.explain(name, flat_model(layer))(np.ones((1, 6, 4)))


def test_attention_and_products_of_three_are_named() -> None:
    x = keras.Input((6, 4))
    attended = L.MultiHeadAttention(1, 2, name="look")(x, x)
    for odd, name in ((attended, "look"), (L.Multiply(name="three")([x, x, x]), "three")):
        model = keras.Model(x, L.Dense(2)(L.Flatten()(odd)))
        with pytest.raises(UnsupportedLayerError, match=f"layer '{name}'"):
            tff.explain("deeplift_rescale", model)(np.ones((1, 6, 4)))


def test_references_of_the_wrong_shape() -> None:
    x, model = np.ones((2, 6, 4)), flat_model()
    for settings, sentence in (
        ({"reference": np.zeros(3)}, r"reference has shape \(3,\), which does not broadcast"),
        ({"reference": np.zeros((5, 6, 4))}, r"reference has shape \(5, 6, 4\), which does not"),
        ({"references": np.zeros((6, 4))}, r"references have shape \(6, 4\); give an array"),
        ({"references": np.zeros((0, 6, 4))}, r"There are \[0\] references"),
        ({"references": [np.zeros((6, 4))] * 2}, "references is not nested like the model's"),
    ):
        with pytest.raises(InputError, match=sentence):
            tff.explain("deeplift_rescale", model, **settings)(x)


def test_settings_out_of_range() -> None:
    with pytest.raises(InputError, match="max-pool rule 'crossmax'; did you mean cross_max"):
        tff.explain("deeplift_rescale", flat_model(), max_pool="crossmax")
    with pytest.raises(InputError, match="threshold of deeplift_rescale is 0; give a finite"):
        tff.explain("deeplift_rescale", flat_model(), threshold=0)
