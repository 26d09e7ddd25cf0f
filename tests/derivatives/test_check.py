"""The derivative gate flags and names what TensorFlow gets wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.backprop.network import as_network
from tf_fragile.derivatives import check_derivatives, trusted
from tf_fragile.errors import InputError
from tf_fragile.surrogates import NoSurrogate

L = keras.layers


class Masked(L.Layer):
    """A gate that can be seen through by the function and not by the gradient."""

    def call(self, x: Any) -> Any:
        return x * tf.stop_gradient(tf.sigmoid(x))


class MaskedAgain(L.Layer):
    """A square whose gradient is right and whose second derivative is gone."""

    def call(self, x: Any) -> Any:
        @tf.custom_gradient
        def square(x: tf.Tensor) -> Any:
            return x**2 + x, lambda upstream: upstream * (2 * tf.stop_gradient(x) + 1)

        return square(x)


class Attention(L.Layer):
    """Self-attention over the rows of an image, made of sublayers without a dtype of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = L.MultiHeadAttention(2, 3)

    def call(self, x: Any) -> Any:
        rows = keras.ops.mean(x, axis=2)
        return x + self.attention(rows, rows)[:, :, None]


def lrn(**settings: Any) -> L.Lambda:
    return L.Lambda(tf.nn.local_response_normalization, arguments=settings)


def standardised(h: Any) -> Any:
    mean, variance = keras.ops.moments(h, [1, 2], keepdims=True)
    return (h - mean) / keras.ops.sqrt(variance + 0.1)


# Wrong without a word; each is enough to fail a model.
SILENT: dict[str, Callable[[], L.Layer]] = {
    "LayerNormalization": lambda: L.LayerNormalization(),
    "GroupNormalization": lambda: L.GroupNormalization(2),
    "UpSampling2D": lambda: L.UpSampling2D(interpolation="bilinear"),
    "Resizing": lambda: L.Resizing(5, 7),
    # In a graph, on CPUs, a kernel zeroes the memory that it is about to read.
    "MaxPooling2D": lambda: L.MaxPooling2D(3, 1, padding="same"),
}
# More ways of writing them, and those whose derivative TensorFlow refuses.
MORE: list[tuple[str, Callable[[], Any]]] = [
    ("LayerNormalization", lambda: L.LayerNormalization(axis=(1, 3), scale=False)),
    ("LayerNorm", lambda: lambda h: keras.ops.layer_normalization(h, np.ones(4), np.ones(4))),
    ("Moments", lambda: standardised),
    ("UpSampling2D", lambda: L.UpSampling2D(interpolation="bicubic")),
    ("Resizing", lambda: L.Resizing(6, 6, "nearest")),
    ("Resizing", lambda: L.Resizing(5, 7, antialias=True)),
    ("Resize", lambda: lambda h: keras.ops.image.resize(h, (6, 6))),
    ("MaxPool", lambda: lambda h: keras.ops.max_pool(h, 2, 1, "same")),
    ("Lambda", lambda: lrn(depth_radius=2, alpha=0.3, beta=0.8)),
]
SAME = {"padding": "same"}
GOOD: dict[str, list[Callable[[], L.Layer]]] = {
    "convolutions": [
        lambda: L.Conv2D(4, 3, strides=2, activation="gelu", **SAME),
        lambda: L.Conv2DTranspose(4, 3, strides=2, activation="relu6", **SAME),
        lambda: L.Conv2D(4, 3, dilation_rate=2, activation="silu", **SAME),
        lambda: L.Conv2D(6, 3, groups=2, activation="elu", **SAME),
        lambda: L.Conv2D(12, 3, groups=6, activation="softplus", **SAME),
        lambda: L.DepthwiseConv2D(3, activation="selu", **SAME),
        lambda: L.SeparableConv2D(5, 3, activation="tanh", **SAME),
    ],
    "pools": [
        lambda: L.MaxPooling2D(2, 1),
        lambda: L.Conv2D(4, 3, activation="tanh", **SAME),
        lambda: L.MaxPooling2D(3, 2, **SAME),
        lambda: L.UpSampling2D(3),
        lambda: L.AveragePooling2D(3, 1, **SAME),
        lambda: L.MaxPooling2D(2),
    ],
    "activations": [
        lambda: L.ReLU(),
        lambda: L.Conv2D(4, 1),
        lambda: L.LeakyReLU(),
        lambda: L.PReLU(),
        lambda: L.Activation("hard_silu"),
        lambda: L.Lambda(lambda h: h * tf.sigmoid(h)),
        lambda: L.Softmax(),
    ],
    "norms and attention": [
        lambda: L.BatchNormalization(),
        lambda: L.RMSNormalization(),
        lambda: Attention(),
        lambda: L.Rescaling(0.3, 0.1),
        lambda: L.UnitNormalization(),
    ],
    "sorting and losses": [
        lambda: L.Lambda(lambda h: tf.sort(h, -1)),
        lambda: L.Conv2D(4, 1, activation="tanh"),
        lambda: L.Lambda(lambda h: tf.math.top_k(h, 3).values),
        lambda: L.Lambda(
            lambda h: h + tf.nn.softmax_cross_entropy_with_logits([0.2, 0.5, 0.3], h)[..., None]
        ),
        lambda: L.Lambda(
            lambda h: (
                h
                + tf.nn.sparse_softmax_cross_entropy_with_logits(
                    tf.ones(tf.shape(h)[:-1], tf.int32), h
                )[..., None]
            )
        ),
    ],
}


def net(*stack: Any, activation: str = "tanh") -> keras.Model:
    """The layers of `stack` between two convolutions, every weight random."""
    x = keras.Input((6, 6, 3))
    h = L.Conv2D(4, 3, padding="same", activation=activation)(x)
    for layer in stack:
        h = layer(h)
    h = L.Conv2D(3, 2, activation=activation)(h)
    model = keras.Model(x, L.Dense(3)(L.Flatten()(h)), name="net")
    rng = np.random.default_rng(3)
    for variable in model.weights:
        value = variable + 0.2 * rng.standard_normal(variable.shape)
        variable.assign(np.abs(value) if "variance" in variable.path else value)
    return model


def pictures(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 6, 6, 3)).astype("float32")


@pytest.mark.parametrize("kind", SILENT)
def test_layers_that_are_silently_wrong_are_flagged_named_and_corrected(kind: str) -> None:
    decision = trusted(net(SILENT[kind]()), pictures())
    report = decision.report
    assert report.failure == ""
    assert report.second_wrong == report.probes == 9
    assert report.second_error > 10 * report.tolerance
    (fault,) = report.faults
    assert (fault.kind, fault.order) == (kind, "second")
    assert decision.kind == "corrected"
    assert decision.corrected == fault.names
    assert decision.after is not None
    assert decision.after.second_error < 1e-6
    assert decision.after.undecided == 0


def test_each_of_many_bad_layers_is_named_and_corrected() -> None:
    stack = []
    for _, make in MORE:
        stack += [make(), L.Activation("tanh")]
    decision = trusted(net(*stack), pictures())
    assert "no entry for" in decision.report.failure
    assert [fault.kind for fault in decision.report.faults] == [kind for kind, _ in MORE]
    assert {fault.order for fault in decision.report.faults} == {"second"}
    assert decision.kind == "corrected", decision.text


@pytest.mark.parametrize("group", GOOD)
def test_known_good_layers_pass(group: str) -> None:
    decision = trusted(net(*(make() for make in GOOD[group])), pictures())
    assert decision.kind == "as_is", decision.text
    assert decision.report.curved == decision.report.probes == 9
    assert decision.report.undecided == 0
    assert decision.report.narrow == ()
    assert decision.text.startswith("Second derivatives of 'net' agree with float64 differences")


@pytest.mark.parametrize("layer", [Masked, MaskedAgain])
def test_a_stopped_gradient_is_flagged_and_named(layer: type[L.Layer]) -> None:
    decision = trusted(net(layer(name="culprit")), pictures())
    (fault,) = decision.report.faults
    assert fault.name == "culprit"
    assert decision.kind == "secant"
    if layer is Masked:
        assert fault.order == "first"
        assert "no attack on them is evidence" in decision.text
    else:
        assert fault.order == "second"
        assert decision.text.endswith("use the secant optimizer.")


def test_one_bad_layer_behind_a_correctable_one_still_means_secant() -> None:
    x = keras.Input((6, 6, 3))
    h = MaskedAgain(name="culprit")(L.LayerNormalization(name="norm")(L.Conv2D(4, 3)(x)))
    decision = trusted(keras.Model(x, L.Dense(3)(L.Flatten()(h))), pictures())
    assert decision.kind == "secant"
    assert decision.after is not None
    assert [fault.name for fault in decision.report.faults] == ["norm", "culprit"]
    assert [fault.name for fault in decision.after.faults] == ["culprit"]


def test_layers_alike_are_checked_once_and_all_named() -> None:
    x = keras.Input((6, 6, 3))
    h = L.Conv2D(4, 3, activation="tanh")(x)
    for name in ("one", "two", "three"):
        h = L.Conv2D(4, 1, activation="tanh")(L.LayerNormalization(name=name)(h))
    decision = trusted(keras.Model(x, L.Dense(3)(L.Flatten()(h))), pictures())
    (fault,) = decision.report.faults
    assert fault.names == ("one", "two", "three")
    assert decision.corrected == fault.names


def test_nested_and_shared_layers_are_found() -> None:
    inner = keras.Sequential(
        [keras.Input((6, 6, 3)), L.Conv2D(3, 1), L.GroupNormalization(1, name="g")]
    )
    x = keras.Input((6, 6, 3))
    model = keras.Model(x, L.Dense(3)(L.Flatten()(L.Activation("tanh")(inner(inner(x))))))
    decision = trusted(model, pictures())
    assert decision.kind == "corrected"
    assert decision.corrected == ("g", "g")


def test_relu_networks_are_checked_on_their_smooth_surrogate() -> None:
    model = net(L.ReLU(), activation="relu")
    assert check_derivatives(model, pictures()).curved == 9
    bare = check_derivatives(model, pictures(), surrogate=NoSurrogate())
    assert bare.ok
    assert bare.curved == 0
    assert "the gradient does not move" in bare.text


def test_ties_of_a_max_pool_on_constant_images_are_no_alarm() -> None:
    model = net(L.MaxPooling2D(2), activation="relu")
    decision = trusted(model, np.zeros((3, 6, 6, 3), "float32"))
    assert decision.kind == "as_is", decision.text


def test_the_users_model_and_policy_are_untouched() -> None:
    model = net(L.LayerNormalization())
    before = [w.copy() for w in model.get_weights()]
    trusted(model, pictures())
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert keras.config.dtype_policy().name == "float32"
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}


def test_the_same_seed_gives_the_same_report() -> None:
    model = net(L.GroupNormalization(2))
    few = {"directions": 1, "inputs": 1, "find_layers": False}
    first, again, other = (check_derivatives(model, pictures(), seed=s, **few) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_several_inputs_and_a_target_for_each_sample() -> None:
    image, row = keras.Input((6, 6, 3), name="image"), keras.Input((4,), name="row")
    h = L.LayerNormalization(name="norm")(L.Dense(5, activation="tanh")(row))
    h = L.Concatenate()([L.Flatten()(L.Conv2D(2, 3, activation="tanh")(image)), h])
    model = keras.Model({"image": image, "row": row}, L.Dense(3)(L.Dense(4, "tanh")(h)))
    x = {"image": pictures(4), "row": np.random.default_rng(1).standard_normal((4, 4))}
    report = check_derivatives(model, x, [0, 1, 2, 0])
    assert [fault.name for fault in report.faults] == ["norm"]
    with pytest.raises(InputError, match="Target 9 is no class"):
        check_derivatives(model, x, 9)


class Subclassed(keras.Model):
    """No graph: the layer between two dense ones is given by its class."""

    def __init__(self, kind: str) -> None:
        super().__init__(name="sub")
        self.kind, self.inside = kind, getattr(L, kind)()
        self.first, self.last = L.Dense(6, activation="tanh"), L.Dense(3)
        self.flat = L.Flatten()

    def call(self, x: Any) -> Any:
        return self.last(keras.ops.tanh(self.inside(self.first(self.flat(x)))))


class Copyable(Subclassed):
    def get_config(self) -> dict[str, Any]:
        return {"kind": self.kind}


@pytest.mark.parametrize(
    ("model_class", "precision"), [(Copyable, "float64"), (Subclassed, "float32")]
)
def test_subclassed_models_are_checked_as_a_whole(
    model_class: type[Subclassed], precision: str
) -> None:
    for kind, expected in (("UnitNormalization", "as_is"), ("LayerNormalization", "secant")):
        keras.utils.set_random_seed(1)
        model = model_class(kind)
        model(pictures())
        decision = trusted(model, pictures())
        assert decision.report.precision == precision
        assert decision.kind == expected, decision.text
        assert decision.report.faults == ()
        if expected == "secant":
            assert "is subclassed, so no layer of it can be named or rewritten" in decision.text


@pytest.mark.parametrize(("spoil", "problem"), [(0.0, "is zero"), (np.nan, "NaN or infinite")])
def test_zero_and_non_finite_gradients_are_reported(spoil: float, problem: str) -> None:
    model = net(L.ReLU())
    kernel = model.layers[1].kernel
    kernel.assign(kernel * spoil)
    decision = trusted(model, pictures())
    assert problem in decision.report.problem
    assert decision.kind == "secant"
    assert "no attack on them is evidence" in decision.text


def test_a_half_precision_model_is_checked_in_float64() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        good, bad = net(L.BatchNormalization()), net(L.LayerNormalization())
    finally:
        keras.config.set_dtype_policy(before)
    report = check_derivatives(good, pictures(), 0)
    assert report.precision == "float64"
    assert report.ok
    assert [f.kind for f in check_derivatives(bad, pictures(), 0).faults] == ["LayerNormalization"]


def test_the_network_itself_may_be_given() -> None:
    network = as_network(net(L.BatchNormalization()))
    assert trusted(network, pictures()).network is network


def test_stand_ins_of_layers_are_checked_in_float64() -> None:
    model = net(L.Conv2D(4, 3), L.ELU(2.0))
    report = check_derivatives(model, pictures())
    assert report.ok
    assert report.precision == "float64"
